package remedy

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
)

// pods writes six rotated logs for each of so many pods, of which one stays.
func (l logs) pods(n int) {
	l.t.Helper()
	for pod := range n {
		for day := range 6 {
			l.write(fmt.Sprintf("shop_web-%d_6f1f2d3c-0000-4000-8000-%012d/web/0.log.202611%02d-000000", pod, pod, day+1), 4)
		}
	}
}

// However many unlink, no file goes that was not needed, and one effect is told
// at a time.
func TestSeveralRemoversRemoveNoMoreThanOne(t *testing.T) {
	for _, need := range []int64{1, 2, 37, 150, 199} {
		l := newLogs(t)
		l.pods(40)
		plan := l.plan(LogReclaim{}, l.inodes(200))
		if len(plan.Items) != 200 {
			t.Fatalf("%d items", len(plan.Items))
		}
		var telling atomic.Int32
		removed := int64(0)
		_, err := LogReclaim{}.Apply(t.Context(), l.node, plan, Run{
			Missing: func(context.Context) (int64, error) { return need - removed, nil },
			Removed: func(Item, headroom.Amount) {
				if telling.Add(1) != 1 {
					t.Error("two effects are told at once")
				}
				removed++
				telling.Add(-1)
			},
		})
		if left := int64(len(l.names())); err != nil || removed != need || left != 240-need {
			t.Errorf("need %d: removed %d, %d are left: %v", need, removed, left, err)
		}
	}
}

// What the files give back is not what they were thought to: each time nothing
// is being unlinked any more, it is asked what is missing still.
func TestSeveralRemoversAskWhatIsMissingBetweenTheirFiles(t *testing.T) {
	l := newLogs(t)
	l.pods(10)
	plan := l.plan(LogReclaim{}, l.inodes(50))
	removed, asked := 0, 0
	_, err := LogReclaim{}.Apply(t.Context(), l.node, plan, Run{
		Missing: func(context.Context) (int64, error) { // somebody takes nine of ten again
			asked++
			return int64(10 - removed/10), nil
		},
		Removed: func(Item, headroom.Amount) { removed++ },
	})
	if err != nil || removed != 50 || asked < 6 {
		t.Errorf("removed %d, asked %d times: %v", removed, asked, err)
	}
}
