package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// A part is a play that is to be played.
type part struct {
	row  row
	with bool
	play int
}

func (p part) how() string {
	if p.with {
		return "with"
	}
	return "without"
}

func (p part) String() string { return fmt.Sprintf("%s %s #%d", p.row.name(), p.how(), p.play) }

// missing are the plays of rows that are not kept, or with force all: first each
// row once, so that there is something to see early, and first what takes longest,
// so that nobody waits for it at the end.
func missing(all []row, kept *results, now inputs, force bool) []part {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b row) int {
		return -cmp.Compare(a.fill.ages+a.speed.lasts(), b.fill.ages+b.speed.lasts())
	})
	var parts []part
	for play := 1; play <= plays; play++ {
		for _, with := range []bool{true, false} {
			for _, r := range all {
				if force || !has(kept.counts(r, with, now), play) {
					parts = append(parts, part{r, with, play})
				}
			}
		}
	}
	return parts
}

func has(kept []result, play int) bool {
	for _, r := range kept {
		if r.Play == play {
			return true
		}
	}
	return false
}

// conduct plays all parts, several at once, and keeps what became of each. A play
// that could not be played is said, and is the error at the end; the others go on.
func (l *lab) conduct(ctx context.Context, parts []part, atOnce int, kept *results, out io.Writer) error {
	queue := make(chan part)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	left := len(parts)
	for range min(atOnce, len(parts)) {
		group.Go(func() {
			for p := range queue {
				began := time.Now()
				one, err := l.play(ctx, p.row, p.with, p.play)
				if err == nil {
					err = kept.add(one)
				}
				mu.Lock()
				left--
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s: %w", p, err))
					fmt.Fprintf(out, "%s  %s: %v (%d left)\n", time.Now().Format(time.TimeOnly), p, err, left)
				} else {
					fmt.Fprintf(out, "%s  %s: %s (%.0f s, %d left)\n", time.Now().Format(time.TimeOnly), p, one.short(), time.Since(began).Seconds(), left)
				}
				mu.Unlock()
			}
		})
	}
	for _, p := range parts {
		select {
		case queue <- p:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
	return errors.Join(failed, ctx.Err())
}

// short is a result in a line.
func (r *result) short() string {
	return fmt.Sprintf("DiskPressure %s, bystanders lost %s, offender %d, alert %s, room %s, least %.1f %%, %s, acts: %s",
		pressure(r), lostOf(r), len(r.Offender), since(r.AlertAt), room(r), 100*r.Least, pace(r), climbed(r))
}
