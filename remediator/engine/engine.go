package engine

import (
	"context"
	"log/slog"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A Store keeps requests and cases. The embedded journal is one.
type Store interface {
	// Request makes rs durable before it returns, all or none. A newer request
	// for the same node and signal takes the older one's place.
	Request(ctx context.Context, rs []headroom.Request) error
	// Load returns every case with its newest request. A request without a case
	// makes an empty case.
	Load(ctx context.Context) ([]headroom.Case, error)
	// Save makes c durable before it returns and sets its new Version, or
	// returns headroom.ErrConflict if the stored version is another than c's.
	Save(ctx context.Context, c *headroom.Case) error
	// Control returns what all nodes of this store have in common, or the zero
	// value, with the version "", if it was never saved.
	Control(ctx context.Context) (headroom.Control, error)
	// SaveControl makes c durable before it returns and sets its new Version, or
	// returns headroom.ErrConflict if the stored version is another than c's.
	SaveControl(ctx context.Context, c *headroom.Control) error
}

// A Reader reads the node the engine works on. An error is what it could not
// tell: without a reading or without a threshold nothing is done.
type Reader interface {
	Read(ctx context.Context, s headroom.Signal) (View, error)
}

// A View is a signal as it stands.
type View struct {
	headroom.State
	// Disk is the disk of the signal's filesystem; zero where it has none.
	Disk node.Disk
	// Floor is the headroom ratio that a target must lie above: the kubelet's
	// minimum reclaim, and the level at which the alert clears.
	Floor float64
}

// Target is asked, or as much as it must be to lie above the Floor.
func (v View) Target(asked float64) float64 { return max(asked, v.Floor+margin) }

// margin is how far above a View's Floor a target is put, as a ratio.
const margin = 0.01

// Config is what an Engine needs. All fields but Audit must be set.
type Config struct {
	Policy  *policy.Policy
	Store   Store
	Reader  Reader
	Node    remedy.Node // its Name is the only node that is served
	DryRun  bool        // plan every rung and apply none
	Logger  *slog.Logger
	Metrics *Metrics
	Audit   *Audit // nil keeps no list of what was removed
}

// An Engine decides and acts for one node. Receive may be called from many
// goroutines, Run once.
type Engine struct {
	Config
	wake     chan struct{}
	failures int // of saving, so far
}

// New returns an engine that does nothing until Run.
func New(c Config) *Engine {
	return &Engine{Config: c, wake: make(chan struct{}, 1)}
}

// interval is how often an open episode is looked at.
const interval = time.Second

// Run works until ctx is cancelled. A rung that is being applied then stops
// where it is and is recorded so.
func (e *Engine) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.wake:
		}
		if ctx.Err() != nil {
			return
		}
		timer.Reset(e.step(ctx))
	}
}

// step looks at every case once and applies at most one rung. It returns when
// to look again.
func (e *Engine) step(ctx context.Context) time.Duration {
	cases, err := e.load(ctx)
	if err != nil {
		e.Logger.Error("cases could not be loaded; trying again", "err", err)
		return interval
	}
	pending, open := 0, 0
	var runnable []*candidate
	for i := range cases {
		c := &cases[i]
		e.interrupted(ctx, c)
		e.admit(ctx, c)
		if c.Open() != nil {
			open++
			if r := e.look(ctx, c); r != nil {
				runnable = append(runnable, r)
			}
		} else if c.Request != nil && c.Request.ID != c.Answered {
			pending++
		}
		e.Metrics.phase(c)
	}
	e.Metrics.pending.Set(float64(pending))
	if lead := e.lead(ctx, runnable); lead != nil {
		failures := e.failures
		e.advance(ctx, lead)
		if e.failures == failures {
			return 0 // the next rung
		}
	}
	if open > 0 || pending > 0 {
		return interval
	}
	return time.Hour // a request wakes it
}

func (e *Engine) load(ctx context.Context) ([]headroom.Case, error) {
	all, err := e.Store.Load(ctx)
	ours := all[:0]
	for _, c := range all {
		if c.Node == e.Node.Name {
			ours = append(ours, c)
		}
	}
	return ours, err
}

// save writes c down and reports whether it could. What could not be saved is
// not acted upon: the next look starts from what the store has.
func (e *Engine) save(ctx context.Context, c *headroom.Case) bool {
	trim(c)
	// A record must survive a cancelled worker.
	if err := e.Store.Save(context.WithoutCancel(ctx), c); err != nil {
		e.failures++
		e.Metrics.storeErrors.Inc()
		e.Logger.Error("case could not be saved; doing nothing until it can", "signal", c.Signal, "err", err)
		return false
	}
	e.Metrics.phase(c)
	return true
}

// interrupted closes a rung that has no outcome. The worker applies one rung at
// a time and waits for it, so such a rung was cut short: the program died, or
// the end could not be written down. It is applied again, since every effect is
// idempotent; how much it had removed nobody knows.
func (e *Engine) interrupted(ctx context.Context, c *headroom.Case) {
	ep := c.Open()
	if ep == nil || len(ep.Rungs) == 0 {
		return
	}
	rung := &ep.Rungs[len(ep.Rungs)-1]
	if rung.Outcome != "" {
		return
	}
	rung.Outcome, rung.Removed, rung.Ended = headroom.RungInterrupted, nil, time.Now()
	if v, err := e.Reader.Read(ctx, c.Signal); err == nil {
		rung.After = &v.State
	}
	if e.save(ctx, c) {
		e.Logger.Warn("rung was interrupted", "episode", ep.ID, "remedy", rung.Remedy)
		e.Metrics.rung(c, *rung)
	}
}
