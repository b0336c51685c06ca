package remedy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
)

// A runtime that does not answer in time may make the log anew when it can: CRI-O
// then replaces whatever has the name, so the old log must not have got it back.
func TestALogThatIsMadeAnewTooLateLosesNothing(t *testing.T) {
	for _, role := range []string{"runtime", "conmon"} {
		t.Run(role, func(t *testing.T) {
			l, path := live(t)
			cri, writer := l.withRuntime(role, path)
			writer.act()
			reopen := cri.reopen
			late := fmt.Errorf("no answer: %w", context.DeadlineExceeded)
			cri.reopen = func(string) error { return late }

			_, err := LogReclaim{}.Apply(t.Context(), l.node, l.plan(LogReclaim{}, l.bytes(all)), Run{
				Missing: func(context.Context) (int64, error) { return all, nil },
				Removed: func(Item, headroom.Amount) { t.Error("something was removed") },
			})
			if !errors.Is(err, ErrHalfDone) {
				t.Fatalf("Apply: %v", err)
			}
			// Nor does it get it back while it is asked again in vain.
			for _, fail := range []*error{&late, &cri.listErr} {
				*fail = late
				if notes, err := (LogReclaim{}).Finish(t.Context(), l.node); err == nil || len(notes) > 0 {
					t.Errorf("Finish: %v, %q", err, notes)
				}
				if inode(t, l.rotatedUncompressed()) == 0 || len(l.names()) != 1 {
					t.Errorf("there are %q", l.names())
				}
			}
			cri.listErr = nil
			writer.act() // by the old name

			if err := reopen(""); err != nil {
				t.Fatal(err)
			}
			if notes := l.finish(); len(notes) > 0 {
				t.Errorf("then it says %q", notes)
			}
			writer.act()
			lines := strings.Count(content(t, path), aLine)
			if lines != 1 || strings.Count(content(t, l.rotatedUncompressed()), aLine) != 2 {
				t.Errorf("%d lines in the new log; there are %q", lines, l.names())
			}
		})
	}
}
