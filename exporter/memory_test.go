package exporter

import (
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// changing is a source that reads its configuration again and again: always
// another pointer, and now and then another configuration.
type changing struct {
	configurations [2]*kubelet.Configuration
	reads          int
	last           *kubelet.Configuration
}

func (c *changing) Configuration() (*kubelet.Configuration, error) {
	c.reads++
	if c.reads%20 > 0 && c.last != nil {
		return c.last, nil
	}
	again := *c.configurations[c.reads/100%2]
	again.Read = time.Unix(int64(c.reads), 0)
	c.last = &again
	return c.last, nil
}

func (c *changing) Last() (time.Duration, error) { return time.Millisecond, nil }

func TestMemoryIsFlatOverTenThousandScrapes(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	n := node.New(node.Config{
		Host:    node.Host{Proc: "/proc", Cgroup: "../node/testdata/v2/cgroup"},
		Facts:   node.Fixed(map[headroom.Filesystem]string{"nodefs": dir, "imagefs": dir, "containerfs": dir}),
		Timeout: time.Minute,
	})
	source := &changing{configurations: [2]*kubelet.Configuration{configuration(t, ""), configuration(t, "evictionHard: {nodefs.available: 5%}\n")}}
	c := collect(t, n, source)
	c.observer = observing(t, n, summaryOf(200, 5), 10)
	scrape := func(times int) {
		for i := range times {
			if i%500 == 0 {
				c.observer.summary.Refresh(t.Context())
				c.observer.metrics.Refresh(t.Context())
			}
			r := httptest.NewRequest("GET", "/metrics", nil)
			if i%2 == 0 {
				r.Header.Set("Accept-Encoding", "gzip")
			}
			c.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	scrape(500)
	heap, goroutines, files := inUse(), runtime.NumGoroutine(), openFiles(t)
	scrape(10_000)
	if grown := int64(inUse()) - int64(heap); grown > 256<<10 {
		t.Errorf("%d bytes more are in use", grown)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, were %d", now, goroutines)
	}
	if now := openFiles(t); now > files {
		t.Errorf("%d open files, were %d", now, files)
	}
}

// inUse returns the bytes of what is reachable.
func inUse() uint64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied by two
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestScrapeCostsTheSameHoweverManyPodsThereAre(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	n := node.New(node.Config{
		Host:    node.Host{Proc: "/proc", Cgroup: "../node/testdata/v2/cgroup"},
		Facts:   node.Fixed(map[headroom.Filesystem]string{"nodefs": dir, "imagefs": dir, "containerfs": dir}),
		Timeout: time.Minute,
	})
	cost := func(pods int) (allocations float64, bytes int) {
		c := collect(t, n, kept{configuration(t, "")})
		c.observer = observing(t, n, summaryOf(pods, 5), 10)
		a := newAnswer()
		allocations = testing.AllocsPerRun(200, func() {
			p, body := c.read(a)
			bytes = len(a.pack(p, body))
		})
		return allocations, bytes
	}
	few, small := cost(10)
	many, large := cost(200)
	if many > few {
		t.Errorf("%v allocations with 200 pods, %v with 10", many, few)
	}
	if large > small+1024 {
		t.Errorf("%d bytes with 200 pods, %d with 10", large, small)
	}
}
