package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nodeheadroom/headroom"
)

// Each writer asks for two nodes at once, so that half a call would be seen.
const writers, calls = 4, 40

func TestPowerLossKeepsWhatWasAcknowledgedAndNothingByHalves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, Options{Size: MinSize})
	for n := range 4 { // so that a snapshot takes more than one record
		ask(t, j, big(n))
	}
	j.Close()
	image := contents(t, path)

	var rec *tape
	j = open(t, path, Options{wrap: func(f file) file { rec = &tape{file: f}; return rec }})
	var begun, acknowledged [writers]atomic.Int64
	var all sync.WaitGroup
	for w := range writers {
		begun[w].Store(-1)
		acknowledged[w].Store(-1)
		all.Go(func() {
			for n := range calls {
				rec.say(func() { begun[w].Store(int64(n)) })
				if err := j.Request(t.Context(), pair(w, n)); err != nil {
					t.Error(err)
				}
				rec.say(func() { acknowledged[w].Store(int64(n)) })
			}
		})
	}
	all.Wait()
	if j.newest < 3 {
		t.Fatalf("generation %d: regions were never changed", j.newest)
	}
	j.Close()

	crashes := 0
	rec.replay(image, rand.New(rand.NewPCG(1, 2)), func(disk []byte) {
		crashes++
		st := sound(t, disk)
		for w := range writers {
			a, b := st.request(t, pair(w, 0)[0].Node), st.request(t, pair(w, 0)[1].Node)
			if low, high := acknowledged[w].Load(), begun[w].Load(); a != b || int64(a) < low || int64(a) > high {
				t.Fatalf("crash %d: writer %d has %d and %d, acknowledged were %d, begun %d", crashes, w, a, b, low, high)
			}
		}
		if crashes%400 == 0 {
			againWhileOpening(t, disk, st)
		}
	})
	t.Logf("%d crashes, %d generations", crashes, j.newest)
}

// sound wants what a crash leaves to be no damage.
func sound(t *testing.T, disk []byte) *state {
	t.Helper()
	r := recovery(bytes.NewReader(disk), int64(len(disk)))
	if r.damage != nil {
		t.Fatalf("a crash was taken for damage: %v", r.damage)
	}
	return r.state
}

// againWhileOpening loses power while the journal is opened after a crash.
func againWhileOpening(t *testing.T, disk []byte, want *state) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	write(t, path, disk)
	var rec *tape
	j := open(t, path, Options{wrap: func(f file) file { rec = &tape{file: f}; return rec }})
	j.Close()
	rec.replay(bytes.Clone(disk), rand.New(rand.NewPCG(3, 4)), func(disk []byte) {
		if got := sound(t, disk); got.size != want.size || len(got.entries) != len(want.entries) {
			t.Fatalf("%d entries, %d bytes after a crash while opening; want %d, %d",
				len(got.entries), got.size, len(want.entries), want.size)
		}
	})
}

func pair(w, n int) []headroom.Request {
	return []headroom.Request{request(fmt.Sprint("w", w, "-a"), n), request(fmt.Sprint("w", w, "-b"), n)}
}

func big(n int) headroom.Request {
	r := request(fmt.Sprint("big-", n), 1)
	r.Labels["long"] = string(bytes.Repeat([]byte{'a' + byte(n)}, 8<<10))
	return r
}
