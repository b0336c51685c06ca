package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nodeheadroom/headroom"
)

// A slow file syncs when it is told to.
type slow struct {
	file
	syncs int
	may   chan struct{} // nil: at once
}

func (s *slow) Sync() error {
	if s.may != nil {
		s.syncs++
		<-s.may
	}
	return s.file.Sync()
}

// stalled opens a journal, and stalls it in the sync of a first call, whose
// result it returns.
func stalled(t *testing.T) (j *Journal, f *slow, first chan error) {
	f, first = &slow{}, make(chan error, 1)
	j = open(t, filepath.Join(t.TempDir(), "journal"), Options{Size: MinSize, wrap: func(g file) file { f.file = g; return f }})
	f.may = make(chan struct{})
	go func() { first <- j.Request(t.Context(), []headroom.Request{request("first", 1)}) }()
	synctest.Wait()
	return j, f, first
}

func TestCallsThatWaitShareOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, f, first := stalled(t)
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				if err := j.Request(t.Context(), []headroom.Request{request(fmt.Sprint("n", n), 1)}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(f.may)
		all.Wait()
		if err := <-first; err != nil || f.syncs != 2 {
			t.Errorf("%d syncs for 1 and then 50 calls, want 2: %v", f.syncs, err)
		}
		j.Close()
	})
}

func TestCallThatNobodyWaitsForIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, f, first := stalled(t)
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error)
		go func() { second <- j.Request(ctx, []headroom.Request{request("second", 1)}) }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("Request: %v, want canceled", err)
		}
		close(f.may)
		if err := <-first; err != nil {
			t.Error(err)
		}
		j.Close()
		if n := j.state.request(t, "second"); n != -1 || len(j.queue) != 0 {
			t.Errorf("request %d was stored, %d are queued", n, len(j.queue))
		}
	})
}

func TestCloseWaitsForWhatWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, f, first := stalled(t)
		second, closed := make(chan error, 1), make(chan error, 1)
		go func() { second <- j.Request(t.Context(), []headroom.Request{request("second", 1)}) }()
		synctest.Wait()
		go func() { closed <- j.Close() }()
		synctest.Wait()
		if err := j.Request(t.Context(), []headroom.Request{request("third", 1)}); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Request: %v, want closed", err)
		}
		close(f.may)
		if err := errors.Join(<-first, <-second, <-closed); err != nil {
			t.Error(err)
		}
		j = open(t, j.path, Options{})
		wantRequests(t, j.state, map[string]int{"first": 1, "second": 1, "third": -1})
		j.Close()
	})
}

func TestFullJournalRefusesAndLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, Options{Size: MinSize})
	long := func(node string, n int) headroom.Request {
		r := request(node, n)
		r.Labels["long"] = strings.Repeat("x", 10_000)
		return r
	}
	kept := map[string]int{}
	var full error
	for n := 0; full == nil; n++ {
		node := fmt.Sprintf("node-%03d", n)
		if full = j.Request(t.Context(), []headroom.Request{long(node, 1)}); full == nil {
			kept[node] = 1
		}
	}
	if !strings.Contains(full.Error(), path) || !strings.Contains(full.Error(), "full") || len(kept) < 10 {
		t.Errorf("after %d nodes: %v", len(kept), full)
	}
	for range 30 { // what makes it no larger goes on, through several generations
		for node := range kept {
			kept[node]++
			r := long(node, kept[node])
			r.Labels["text"] = ""
			if kept[node] > 2 {
				r.ID = fmt.Sprint(kept[node] % 10)
			}
			if err := j.Request(t.Context(), []headroom.Request{r}); err != nil {
				t.Fatal(err)
			}
		}
	}
	j.Close()
	if again := open(t, path, Options{}); len(again.state.entries) != len(kept) || again.SetAside() != "" {
		t.Errorf("opened again: %d entries, want %d", len(again.state.entries), len(kept))
	}
}

func TestTooLargeIsAnErrorOfItsOwn(t *testing.T) {
	long := func(node string, size int) headroom.Request {
		r := request(node, 1)
		r.Labels["long"] = strings.Repeat("x", size)
		return r
	}
	j := open(t, filepath.Join(t.TempDir(), "journal"), Options{})
	for sentence, test := range map[string]struct {
		ask  []headroom.Request
		want error
	}{
		"255 KiB":                              {[]headroom.Request{long("n1", 255<<10)}, nil},
		"256 KiB and what is around it":        {[]headroom.Request{long("n1", 256<<10)}, ErrTooLarge},
		"three times 200 KiB":                  {[]headroom.Request{long("n1", 200<<10), long("n2", 200<<10), long("n3", 200<<10)}, ErrTooLarge},
		"three times 200 KiB, one of them new": {[]headroom.Request{long("n1", 200<<10), long("n1", 200<<10), long("n1", 200<<10)}, nil},
	} {
		if err := j.Request(t.Context(), test.ask); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", sentence, err, test.want)
		}
	}
}
