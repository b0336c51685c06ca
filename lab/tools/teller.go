package tools

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// A teller says how far a build is: in place, several times a second, where
// somebody watches; else a line when it starts, one every half minute, and one
// when it is done. It says nothing of a build that is over at once.
type teller struct {
	out   io.Writer
	live  bool
	width int
	what  string
	began time.Time

	mu       sync.Mutex
	packages int
	last     string

	quit    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

func newTeller(out io.Writer, live bool, width int, what string) *teller {
	t := &teller{out: out, live: live, width: width, what: what, began: time.Now(), quit: make(chan struct{})}
	every := 30 * time.Second
	if live {
		every = 200 * time.Millisecond
	} else {
		fmt.Fprintf(out, "building %s (the first time takes minutes, then it is kept)\n", what)
	}
	t.stopped.Go(func() {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		for {
			select {
			case <-t.quit:
				return
			case <-ticks.C:
				t.tell()
			}
		}
	})
	return t
}

// compiled counts one package more.
func (t *teller) compiled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.packages++
	t.last = ""
}

// say shows what is being done other than compiling.
func (t *teller) say(doing string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = doing
}

func (t *teller) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("building %s: %d packages, %s", t.what, t.packages, t.elapsed())
	if t.last != "" {
		line += ", " + t.last
	}
	if !t.live {
		fmt.Fprintln(t.out, line)
		return
	}
	if len(line) >= t.width {
		line = line[:max(t.width-1, 0)]
	}
	fmt.Fprintf(t.out, "\r\033[K%s", line)
}

func (t *teller) elapsed() time.Duration { return time.Since(t.began).Round(time.Second) }

// stop ends the telling, and clears what was drawn in place.
func (t *teller) stop() {
	t.once.Do(func() {
		close(t.quit)
		t.stopped.Wait()
		if t.live {
			fmt.Fprint(t.out, "\r\033[K")
		}
	})
}

// done is stop with a last word.
func (t *teller) done() {
	t.stop()
	fmt.Fprintf(t.out, "built %s: %d packages, %s\n", t.what, t.packages, t.elapsed())
}
