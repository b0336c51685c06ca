package journal

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
)

// BenchmarkRequest measures Request as a webhook feels it: as fast as 32
// callers go, and at 1,000 a second whatever the ones before took.
func BenchmarkRequest(b *testing.B) {
	b.Run("callers=32", func(b *testing.B) {
		m := newMeter(b)
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				m.ask(n)
			}
		})
		m.report()
	})
	b.Run("rate=1000", func(b *testing.B) {
		m := newMeter(b)
		var all sync.WaitGroup
		start := time.Now()
		for n := range b.N {
			time.Sleep(time.Until(start.Add(time.Duration(n) * time.Millisecond)))
			all.Go(func() { m.ask(n) })
		}
		all.Wait()
		m.report()
	})
}

// A meter gathers how long requests took.
type meter struct {
	b    *testing.B
	j    *Journal
	mu   sync.Mutex
	took []time.Duration
}

func newMeter(b *testing.B) *meter {
	j, err := Open(filepath.Join(b.TempDir(), "journal"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	b.ReportAllocs()
	b.ResetTimer()
	return &meter{b: b, j: j}
}

func (m *meter) ask(n int) {
	r := request(fmt.Sprint("node-", n%9), n)
	start := time.Now()
	if err := m.j.Request(m.b.Context(), []headroom.Request{r}); err != nil {
		m.b.Error(err)
	}
	took := time.Since(start)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = append(m.took, took)
}

func (m *meter) report() {
	slices.Sort(m.took)
	for name, q := range map[string]float64{"p50-ms": 0.50, "p99-ms": 0.99, "max-ms": 1} {
		m.b.ReportMetric(float64(m.took[int(q*float64(len(m.took)-1))])/1e6, name)
	}
	m.b.ReportMetric(float64(len(m.took))/m.b.Elapsed().Seconds(), "requests/s")
}
