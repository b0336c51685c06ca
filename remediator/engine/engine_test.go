package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/nodetest"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
	"github.com/nodeheadroom/headroom/remediator/store/journal"
)

// disk is a node whose numbers a test sets: what a real filesystem will not do
// on demand. Capacity is 1000, the threshold 100.
type disk struct {
	mu        sync.Mutex
	available int64
	err       error
	late      []int64 // given back only after a reading, one after each
	floor     float64
	read      func() // called by Read
	// thresholds of signals that have another one.
	thresholds map[headroom.Signal]int64
	// disks of signals that are on another one.
	disks map[headroom.Signal]node.Disk
}

func (d *disk) Read(_ context.Context, s headroom.Signal) (View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.read != nil {
		d.read()
	}
	if d.err != nil {
		return View{}, d.err
	}
	threshold := cmp.Or(d.thresholds[s], 100)
	v := View{
		State: headroom.State{Available: d.available, Capacity: 1000, Threshold: threshold, Ratio: float64(d.available-threshold) / 1000, At: time.Now()},
		Disk:  cmp.Or(d.disks[s], node.Disk{Major: 8, Minor: 1}), Floor: d.floor,
	}
	if len(d.late) > 0 {
		d.available, d.late = d.available+d.late[0], d.late[1:]
	}
	return v, nil
}

func (d *disk) set(available int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.available = available
}

// digger is a remedy that frees what a test says, a piece at a time.
type digger struct {
	name    string
	disk    *disk
	pieces  []int64       // freed by one Apply each; then nothing
	claims  int64         // removed but never observed
	err     error         // of Apply
	planErr error         // of Plan
	hold    chan struct{} // if set, Apply waits for it or for ctx
	plan    func()        // called by Plan
	dig     func()        // called by Apply
	notes   []string      // of Apply
	what    string        // of the plan's item
	ponder  bool          // Plan never ends by itself
	unsaid  bool          // Apply cannot say how many bytes it removes

	mu   sync.Mutex
	keys []string
}

func (d *digger) Name() string                                     { return d.name }
func (d *digger) Steps() []string                                  { return nil }
func (d *digger) Configure(func(any) error) (remedy.Remedy, error) { return d, nil }

func (d *digger) Plan(ctx context.Context, _ remedy.Node, need remedy.Need) (remedy.Plan, error) {
	if d.ponder {
		<-ctx.Done()
		return remedy.Plan{}, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.plan != nil {
		d.plan()
	}
	if d.planErr != nil {
		return remedy.Plan{}, d.planErr
	}
	if len(d.pieces) == 0 && d.claims == 0 && d.err == nil {
		return remedy.Plan{Notes: []string{"nothing there"}}, nil
	}
	return remedy.Plan{Items: []remedy.Item{{Does: remedy.Remove, What: cmp.Or(d.what, "a piece")}}, Frees: headroom.Amount{Bytes: need.Amount}}, nil
}

func (d *digger) Apply(ctx context.Context, _ remedy.Node, p remedy.Plan, run remedy.Run) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys = append(d.keys, run.Key)
	if d.dig != nil {
		d.dig()
	}
	if d.hold != nil {
		select {
		case <-d.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	freed := d.claims
	if len(d.pieces) > 0 {
		freed, d.pieces = d.pieces[0], d.pieces[1:]
		d.disk.mu.Lock()
		d.disk.available += freed
		d.disk.mu.Unlock()
	}
	if freed > 0 {
		said := headroom.Amount{Bytes: freed, Inodes: 1}
		if d.unsaid {
			said.Bytes = 0
		}
		run.Removed(p.Items[0], said)
	}
	return d.notes, d.err
}

func (d *digger) applied() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.keys)
}

// flaky is the real journal that refuses on demand.
type flaky struct {
	*journal.Journal
	refuseRequest, refuseSave error
	refuseSaves               atomic.Int32 // so many, and then no more
	saved                     func(headroom.Case)
}

func (f *flaky) Request(ctx context.Context, rs []headroom.Request) error {
	if f.refuseRequest != nil {
		return f.refuseRequest
	}
	return f.Journal.Request(ctx, rs)
}

func (f *flaky) Save(ctx context.Context, c *headroom.Case) error {
	if f.refuseSave != nil {
		return f.refuseSave
	}
	if f.refuseSaves.Load() > 0 {
		f.refuseSaves.Add(-1)
		return errTest
	}
	err := f.Journal.Save(ctx, c)
	if err == nil && f.saved != nil {
		f.saved(*c)
	}
	return err
}

// A bench is an engine on a real journal with a disk and a ladder of the
// test's.
type bench struct {
	*Engine
	t     *testing.T
	disk  *disk
	store *flaky
	path  string
	start time.Time // of the alerts
}

// play runs a test in a bubble of its own time: hours pass at once.
func play(t *testing.T, test func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, disk: &disk{available: 500}, path: filepath.Join(t.TempDir(), "journal"), start: time.Now()}
		b.open()
		defer func() { b.store.Close() }()
		test(b)
	})
}

func (b *bench) open() {
	b.t.Helper()
	j, err := journal.Open(b.path, journal.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.store = &flaky{Journal: j}
}

// ask asks for an episode as a person does.
func (b *bench) ask(by string) headroom.Request {
	b.t.Helper()
	r, err := b.Ask(context.Background(), nodefs, by)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) resume() {
	b.t.Helper()
	if err := b.Resume(b.t.Context(), "bob"); err != nil {
		b.t.Fatal(err)
	}
}

// on sets a ladder and makes the engine anew, as a restart does.
func (b *bench) on(ladder ...*digger) *bench {
	b.t.Helper()
	signal, err := labels.NewMatcher(labels.MatchRegexp, "signal", "(nodefs|imagefs).available")
	if err != nil {
		b.t.Fatal(err)
	}
	p := &policy.Policy{
		Cases:    []policy.Case{{Match: labels.Matchers{signal}, Start: 0.05, Target: 0.15}},
		Cooldown: 10 * time.Minute, Attempts: policy.Attempts{Count: 3, Per: time.Hour},
		Watch: 15 * time.Minute, Hash: "policy",
		Recheck: policy.DefaultRecheck, Budget: policy.DefaultBudget, Breaker: policy.DefaultBreaker, Approval: policy.DefaultApproval,
	}
	var names []string
	for _, d := range ladder {
		d.disk = b.disk
		if d.name == "" {
			d.name = "dig"
		}
		names = append(names, d.name)
		p.Cases[0].Ladder = append(p.Cases[0].Ladder, policy.Rung{Remedy: d})
	}
	b.Engine = New(Config{
		Policy: p, Store: b.store, Reader: b.disk, Node: remedy.Node{Name: "n1"},
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: NewMetrics(prometheus.NewRegistry(), "n1", headroom.Signals(), names, false),
	})
	return b
}

func (b *bench) alert(signal headroom.Signal) Alert {
	return Alert{
		Firing: true, StartsAt: b.start, Fingerprint: "f-" + string(signal),
		Labels: map[string]string{"alertname": "HeadroomLow", "node": "n1", "signal": string(signal), "stage": "before"},
	}
}

func (b *bench) receive(alerts ...Alert) {
	b.t.Helper()
	if err := b.Receive(b.t.Context(), alerts); err != nil {
		b.t.Fatal(err)
	}
}

// pass runs the engine for d and stops it.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	b.Run(ctx)
}

func (b *bench) load(signal headroom.Signal) headroom.Case {
	b.t.Helper()
	cases, err := b.store.Load(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range cases {
		if c.Signal == signal {
			return c
		}
	}
	b.t.Fatalf("no case for %s among %v", signal, cases)
	return headroom.Case{}
}

// last is the newest episode of a case, or nil.
func (b *bench) last(signal headroom.Signal) *headroom.Episode {
	b.t.Helper()
	c := b.load(signal)
	return c.Last()
}

// want compares what a case's last episode and its rungs came to.
func (b *bench) want(signal headroom.Signal, episodes int, state string, rungs ...string) *headroom.Episode {
	b.t.Helper()
	c := b.load(signal)
	if len(c.Episodes) != episodes {
		b.t.Fatalf("%s has %d episodes, want %d: %+v", signal, len(c.Episodes), episodes, c.Episodes)
	}
	ep := c.Last()
	if got := fmt.Sprintf("%s%s%s", ep.Phase, ep.Reason, ep.Outcome); got != state {
		b.t.Errorf("%s: episode is %s (%s), want %s", signal, got, ep.Detail, state)
	}
	var got []string
	for _, r := range ep.Rungs {
		got = append(got, r.Remedy+" "+string(r.Outcome))
	}
	if fmt.Sprint(got) != fmt.Sprint(rungs) {
		b.t.Errorf("%s: rungs %v, want %v", signal, got, rungs)
	}
	return ep
}

func TestMain(m *testing.M) { nodetest.Main(m) }

var errTest = errors.New("out of order")

const nodefs, imagefs = headroom.NodeFSAvailable, headroom.ImageFSAvailable

// observations is how often histograms were told something.
func observations(t *testing.T, h *prometheus.HistogramVec) (n uint64) {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(h)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].Metric {
		n += m.GetHistogram().GetSampleCount()
	}
	return n
}

func count(t *testing.T, c prometheus.Collector, want float64) {
	t.Helper()
	if got := testutil.ToFloat64(c); got != want {
		t.Errorf("counter is %v, want %v", got, want)
	}
}

func gauge(t *testing.T, c prometheus.Collector, labels ...string) float64 {
	t.Helper()
	if v, ok := c.(*prometheus.GaugeVec); ok {
		c = v.WithLabelValues(labels...)
	}
	return testutil.ToFloat64(c)
}
