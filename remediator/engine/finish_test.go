package engine

import (
	"fmt"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

func TestWhatIsHalfDoneIsTriedAgainUntilItIsFinished(t *testing.T) {
	for sentence, begin := range map[string]func(b *bench, f *finisher){
		"a rung that was cut short": func(b *bench, f *finisher) {
			f.pieces = []int64{200}
			b.cut(f)
			b.on(f.digger).with(f)
			b.pass(time.Second)
			b.want(nodefs, 1, "OverSucceeded", "dig interrupted", "dig done")
		},
		"a rung that says so": func(b *bench, f *finisher) {
			f.err = fmt.Errorf("%w: it is called so", remedy.ErrHalfDone)
			b.receive(b.alert(nodefs))
			b.pass(time.Second)
			f.err = nil
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				f := &finisher{digger: &digger{name: "dig"}, failing: errTest}
				b.on(f.digger).with(f).disk.set(120)
				begin(b, f)
				b.disk.set(900)
				before := f.finished
				b.pass(3*recheckInterval + time.Second)
				if tried := f.finished - before; tried < 2 || tried > 3 {
					t.Errorf("tried %d times while it failed", tried)
				}
				f.failing, before = nil, f.finished
				b.pass(time.Hour)
				if f.finished != before+1 {
					t.Errorf("tried %d times once it could", f.finished-before)
				}
			})
		})
	}
}

func TestWhatIsHalfDoneIsFinishedByWhateverRunsNext(t *testing.T) {
	for sentence, begin := range map[string]func(b *bench, f *finisher){
		"a rung that said so": func(b *bench, f *finisher) {
			f.err = fmt.Errorf("%w: it is called so", remedy.ErrHalfDone)
			b.receive(b.alert(nodefs))
			b.pass(time.Second)
		},
		"a rung that was cut short, and could not be finished": func(b *bench, f *finisher) {
			b.cut(f)
			b.on(f.digger).with(f)
			b.pass(time.Second)
		},
		"a rung that was cut short, and then a dry run": func(b *bench, f *finisher) {
			b.cut(f)
			b.on(f.digger).with(f).DryRun = true
			b.pass(time.Hour)
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			play(t, func(b *bench) {
				f := &finisher{digger: &digger{name: "dig", pieces: []int64{200}}, failing: errTest}
				b.on(f.digger).with(f).disk.set(120)
				begin(b, f)
				b.disk.set(900)
				again := &finisher{digger: &digger{name: "dig"}}
				b.on(again.digger).with(again)
				b.pass(time.Second)
				if again.finished != 1 {
					t.Errorf("finished %d times", again.finished)
				}
				if left := halfDone([]headroom.Case{b.load(nodefs)}); len(left) > 0 {
					t.Errorf("on record is still %+v", left[0])
				}
				b.on(again.digger).with(again)
				b.pass(time.Hour)
				if again.finished != 1 {
					t.Errorf("finished %d times after another restart", again.finished)
				}
			})
		})
	}
}
