package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A Store keeps requests and cases. The embedded journal is one.
type Store interface {
	// Request makes rs durable before it returns, all or none. A newer request
	// for the same node and signal takes the older one's place, an alert's that of
	// an alert and a person's that of a person.
	Request(ctx context.Context, rs []headroom.Request) error
	// Load returns every case with its newest requests. A request without a case
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

// Config is what an Engine needs. All fields up to Metrics must be set.
type Config struct {
	Policy  *policy.Policy
	Store   Store
	Reader  Reader
	Node    remedy.Node // its Name is the only node that is served
	DryRun  bool        // plan every rung and apply none
	Logger  *slog.Logger
	Metrics *Metrics
	Audit   *Audit // nil keeps no list of what was removed
	// OptOut returns why the node must not be touched, or ""; nil is never asked.
	OptOut func(context.Context) (why string, err error)
	// Nodes returns how many nodes there are, for shares of all; nil, like 0, is
	// unknown.
	Nodes func() int
	// Step is called at each step of a remedy; nil calls nobody.
	Step func(name string)
}

// An Engine decides and acts for one node. Run may be called once, everything
// else from many goroutines.
type Engine struct {
	Config
	wake chan struct{}

	stormMu sync.Mutex
	storm   storm

	applyMu sync.Mutex
	apply   *application // nil while no rung is being applied

	// What follows is Run's.
	failures int // of saving, so far
	control  headroom.Control
	held     hold // by a gate that holds for all episodes alike
	checked  map[headroom.Signal]time.Time
	kept     time.Time
	told     struct { // the newest episode that was to end with its rung
		episode string
		order   stopped
	}
	// unfinished are remedies that left something half done, and when they last
	// tried to finish it.
	unfinished map[string]time.Time
}

// New returns an engine that does nothing until Run.
func New(c Config) *Engine {
	return &Engine{
		Config: c, wake: make(chan struct{}, 1),
		checked: make(map[headroom.Signal]time.Time), unfinished: make(map[string]time.Time),
	}
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
	control, err := e.refresh(ctx)
	var cases []headroom.Case
	if err == nil {
		cases, err = e.load(ctx)
	}
	if err != nil {
		e.Logger.Error("cases could not be loaded; trying again", "err", err)
		return interval
	}
	e.finishRest(ctx, cases)
	e.control, e.held = control, e.everywhere(ctx, control)
	r := e.survey(ctx, cases)
	if ctx.Err() != nil {
		return interval // it was cut short
	}
	e.Metrics.pending.Set(float64(r.pending))
	failures := e.failures
	if e.run(ctx, r.runnable) && e.failures == failures {
		return 0 // the next rung
	}
	switch {
	case r.open > 0 || r.pending > 0:
		return interval
	case ctx.Err() == nil && !e.held.holds():
		e.keep(ctx, cases)
	}
	if r.recheck > 0 {
		return r.recheck
	}
	if len(e.unfinished) > 0 || e.keeps() || control.Pause != nil || control.Breaker != nil {
		return recheckInterval
	}
	return time.Hour // a request wakes it
}

// A round is what one look at all cases found.
type round struct {
	open, pending int
	recheck       time.Duration // how soon a case without an open episode wants to be looked at; 0 is not at all
	runnable      []*candidate
}

// survey answers requests and lets the gates speak.
func (e *Engine) survey(ctx context.Context, cases []headroom.Case) round {
	var r round
	running := false
	for i := range cases {
		c := &cases[i]
		e.interrupted(ctx, c)
		if ctx.Err() != nil {
			return r // what was cut short may not be finished: nothing follows from the case as it is
		}
		e.admit(ctx, c)
		waiting := c.Unanswered() != nil || c.Unheeded() != nil
		if c.Open() == nil && !waiting {
			if soon := e.recheck(ctx, c); soon > 0 && (r.recheck == 0 || soon < r.recheck) {
				r.recheck = soon
			}
		}
		switch ep := c.Open(); {
		case ep != nil:
			r.open++
			if can := e.look(ctx, c); can != nil {
				r.runnable = append(r.runnable, can)
			}
			running = running || c.Open() != nil && c.Open().Phase == headroom.Running
		case waiting:
			r.pending++
		}
		e.Metrics.phase(c)
	}
	if !running { // nor does one that waits take a place
		if err := e.giveBack(ctx, e.control); err != nil {
			e.Logger.Error("place in the budget could not be given back; trying again", "err", err)
		}
	}
	return r
}

// run carries on the episode that leads, or, where a gate holds its next rung,
// the one after: who waits for a person holds up nobody else, on the same disk
// neither. It reports whether one went on.
func (e *Engine) run(ctx context.Context, all []*candidate) bool {
	for len(all) > 0 && ctx.Err() == nil {
		lead := lead(all)
		lead.others = all
		if e.advance(ctx, lead) {
			return true
		}
		all = slices.DeleteFunc(all, func(c *candidate) bool { return c == lead })
	}
	return false
}

// keeps reports whether a remedy of the policy wants quiet times.
func (e *Engine) keeps() bool {
	if e.DryRun {
		return false
	}
	for _, c := range e.Policy.Cases {
		for _, r := range c.Ladder {
			if _, ok := r.Remedy.(remedy.Keeper); ok {
				return true
			}
		}
	}
	return false
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
	switch err := e.Store.Save(context.WithoutCancel(ctx), c); {
	case errors.Is(err, headroom.ErrConflict):
		e.failures++
		e.Logger.Debug("somebody has changed the case; looking again", "signal", c.Signal)
		return false
	case err != nil:
		e.failures++
		e.Metrics.storeErrors.Inc()
		e.Logger.Error("case could not be saved; doing nothing until it can", "signal", c.Signal, "err", err)
		return false
	}
	e.Metrics.phase(c)
	return true
}
