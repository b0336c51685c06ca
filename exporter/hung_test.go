package exporter

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestProgramServesTheRestOfAHungNode(t *testing.T) {
	for _, hung := range []string{"nodefs", "imagefs"} {
		t.Run(hung, func(t *testing.T) {
			fuse := nodetest.NewFUSE(t)
			fuse.Hang()
			good := nodetest.Tmpfs(t, 1<<20, 0)
			args := []string{"--path.timeout=3s", "--kubelet.config=" + file(t, head), "--path." + hung + "=" + fuse.Dir}
			rest := "imagefs"
			if hung == "imagefs" {
				rest = "nodefs"
				args = append(args, "--path.containerfs="+good)
			}
			p := start(t, append(args, "--path."+rest+"="+good)...)
			whole := func(s series) {
				s.want(t, fmt.Sprintf("headroom_read_success{reader=%q}", hung), 0)
				s.absent(t, fmt.Sprintf(`headroom_signal_available_bytes{signal="%s.available"}`, hung))
				for _, reader := range []string{rest, "containerfs", "memory", "pid", "thresholds"} {
					s.want(t, fmt.Sprintf("headroom_read_success{reader=%q}", reader), 1)
				}
				s.want(t, fmt.Sprintf(`headroom_signal_capacity_bytes{signal="%s.available"}`, rest), 1<<20)
				s.want(t, fmt.Sprintf(`headroom_threshold_enabled{signal="%s.available",eviction="hard"}`, hung), 1)
			}
			whole(p.scrape(t))
			want := fmt.Sprintf("headroom_read_success{reader=%q} 0\n", hung)
			scrapes := func(n int) {
				for range n {
					if text := p.text(t); !strings.Contains(text, want) || !strings.Contains(text, "headroom_signal_capacity_pids{") {
						t.Errorf("a scrape has not the rest:\n%s", text)
						return
					}
				}
			}
			scrapes(20)
			http.DefaultClient.CloseIdleConnections()
			goroutines, before := runtime.NumGoroutine(), threads(t)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { scrapes(250) })
			}
			all.Wait()
			whole(p.scrape(t))
			if n := strings.Count(p.log.String(), "has not answered since"); n != 1 {
				t.Errorf("the hang was logged %d times:\n%s", n, p.log.String())
			}
			settles(t, "goroutines", goroutines, runtime.NumGoroutine)
			// The runtime may start a few of its own; what must not be is one a scrape.
			settles(t, "threads", before+8, func() int { return threads(t) })

			fuse.Answer()
			s := p.await(t, fmt.Sprintf("headroom_read_success{reader=%q}", hung), 1)
			s.want(t, fmt.Sprintf(`headroom_signal_capacity_bytes{signal="%s.available"}`, hung), nodetest.FUSECapacity)
			s.want(t, fmt.Sprintf(`headroom_signal_available_inodes{signal="%s.inodesFree"}`, hung), nodetest.FUSEInodesFree)
		})
	}
}

// settles waits until there are at most so many.
func settles(t *testing.T, of string, most int, count func() int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); count() > most; time.Sleep(10 * time.Millisecond) {
		http.DefaultClient.CloseIdleConnections()
		if time.Now().After(deadline) {
			t.Fatalf("there are %d %s, want at most %d", count(), of, most)
		}
	}
}

func threads(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// The kubelet's token may lie on a filesystem that hangs, and a procfs may hang
// itself.
func TestProgramEndsWhateverHangs(t *testing.T) {
	hung, _ := nodetest.HungFS(t)
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, "--path.nodefs="+dir, "--path.imagefs="+hung, "--path.procfs="+hung, "--path.cgroup="+hung, "--path.timeout=1s",
		"--runtime.endpoint=unix://"+filepath.Join(hung, "socket"),
		"--kubelet.url=https://127.0.0.1:1", "--kubelet.token-file="+filepath.Join(hung, "token"))
	s := p.scrape(t)
	for reader, want := range map[string]float64{"nodefs": 1, "imagefs": 0, "containerfs": 0, "memory": 0, "pid": 0, "thresholds": 0} {
		s.want(t, fmt.Sprintf("headroom_read_success{reader=%q}", reader), want)
	}
}
