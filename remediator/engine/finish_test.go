package engine

import (
	"fmt"
	"testing"
	"time"

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
