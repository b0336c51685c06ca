package headroom

import (
	"math"
	"time"
)

// A Request asks for a look at one signal of one node, because an alert named
// both. It is what a webhook leaves behind once it is durable: data, from which
// no path, argument or command is ever made.
type Request struct {
	// ID is new for every delivery, so that a case can tell which request it
	// answered last.
	ID          string            `json:"id"`
	Node        string            `json:"node"`
	Signal      Signal            `json:"signal"`
	Fingerprint string            `json:"fingerprint"` // of the alert; with StartsAt its identity
	StartsAt    time.Time         `json:"startsAt"`
	Labels      map[string]string `json:"labels"` // all of the alert's: policies match on them
	Received    time.Time         `json:"received"`
	// By is the person who asked instead of an alert; empty for an alert.
	By string `json:"by,omitempty"`
}

// SameAlert reports whether r and s come from the same alert, delivered again.
func (r Request) SameAlert(s Request) bool {
	return r.Fingerprint == s.Fingerprint && r.StartsAt.Equal(s.StartsAt)
}

// A Case is a node's trouble with one signal. It lives as long as the node;
// within it, one episode at a time tries to end the trouble.
type Case struct {
	Node   string `json:"node"`
	Signal Signal `json:"signal"`
	// Version is the store's: a case is saved only over the version that was
	// loaded, so that of two writers one must look again.
	Version string `json:"version,omitempty"`
	// Request is the newest alert's, and Asked the newest person's: neither takes
	// the other's place. The store fills them in when a case is loaded and ignores
	// them when one is saved.
	Request *Request `json:"request,omitempty"`
	Asked   *Request `json:"asked,omitempty"`
	// Answered is the ID of the last alert's request that was dealt with, and Heeded
	// of the last person's.
	Answered string `json:"answered,omitempty"`
	Heeded   string `json:"heeded,omitempty"`
	// Attempts are the moments at which the latest episodes began to act, oldest
	// first: MaxEpisodes, or as many as the policy counts.
	Attempts []time.Time `json:"attempts,omitempty"`
	// Episodes are the latest ones, oldest first; MaxEpisodes are kept.
	Episodes []Episode `json:"episodes,omitempty"`
}

// MaxEpisodes is how many episodes of a case are kept.
const MaxEpisodes = 10

// Unheeded returns what a person asks for and was not dealt with yet, or nil.
func (c *Case) Unheeded() *Request { return unlessDone(c.Asked, c.Heeded) }

// Unanswered returns the alert that was not dealt with yet, or nil.
func (c *Case) Unanswered() *Request { return unlessDone(c.Request, c.Answered) }

func unlessDone(r *Request, done string) *Request {
	if r == nil || r.ID == done {
		return nil
	}
	return r
}

// Last returns the newest episode, or nil if there was none.
func (c *Case) Last() *Episode {
	if len(c.Episodes) == 0 {
		return nil
	}
	return &c.Episodes[len(c.Episodes)-1]
}

// Open returns the episode that is not over yet, or nil.
func (c *Case) Open() *Episode {
	if e := c.Last(); e != nil && e.Phase != Over {
		return e
	}
	return nil
}

// Begin appends e and drops the oldest episodes beyond MaxEpisodes.
func (c *Case) Begin(e Episode) *Episode {
	c.Episodes = append(c.Episodes, e)
	if extra := len(c.Episodes) - MaxEpisodes; extra > 0 {
		c.Episodes = append([]Episode(nil), c.Episodes[extra:]...)
	}
	return c.Last()
}

// A Phase is where an episode stands.
type Phase string

// An episode waits (for the Reason it gives), runs rungs of the ladder, and is
// over with an Outcome.
const (
	Waiting Phase = "Waiting"
	Running Phase = "Running"
	Over    Phase = "Over"
)

// A Reason is why an episode waits.
type Reason string

// The reasons there are.
const (
	Watching         Reason = "watching"    // an alert predicts; start is not crossed yet
	AwaitingApproval Reason = "approval"    // the next rung needs a person's word
	OverBudget       Reason = "budget"      // as many other nodes as may are being dealt with
	Cooldown         Reason = "cooldown"    // the last episode is too recent, or there were too many
	OutsideWindow    Reason = "window"      // the next rung is disruptive, and this is not its time
	BreakerOpen      Reason = "breaker"     // too many nodes alert at once to be believed
	Paused           Reason = "pause"       // somebody said so
	OptedOut         Reason = "opt-out"     // the node is not to be touched
	SharedDisk       Reason = "shared disk" // another signal of the same disk is being dealt with
	CannotTell       Reason = "cannot tell" // the node, its thresholds or a gate could not be read
)

// Reasons lists every reason.
var Reasons = []Reason{
	Watching, AwaitingApproval, OverBudget, Cooldown, OutsideWindow, BreakerOpen, Paused, OptedOut, SharedDisk, CannotTell,
}

// An Outcome is how an episode ended.
type Outcome string

// The outcomes there are. Succeeded means that the node was read at or above
// the target after something was done; nothing else does.
const (
	Succeeded Outcome = "Succeeded"
	NotNeeded Outcome = "NotNeeded" // the node was well without us
	Planned   Outcome = "Planned"   // dry run: every rung said what it would do
	Exhausted Outcome = "Exhausted" // the ladder ended below the target
	Failed    Outcome = "Failed"    // no rung could be tried, or the policy changed meanwhile
	Expired   Outcome = "Expired"   // waited longer than the policy allows
	Cancelled Outcome = "Cancelled" // somebody said so
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{Succeeded, NotNeeded, Planned, Exhausted, Failed, Expired, Cancelled}

// An Episode is one attempt to end a case, from alert to verdict, and its
// record.
type Episode struct {
	ID      string  `json:"id"`
	Request Request `json:"request"` // the one that began it, or took it over while it waited
	Phase   Phase   `json:"phase"`
	Reason  Reason  `json:"reason,omitempty"`  // while Waiting
	Detail  string  `json:"detail,omitempty"`  // Reason or Outcome in words: what holds it
	Lift    string  `json:"lift,omitempty"`    // while Waiting: what would let it go on
	Outcome Outcome `json:"outcome,omitempty"` // once Over
	DryRun  bool    `json:"dryRun,omitempty"`
	Policy  string  `json:"policy"` // hash of the policy it runs by
	// Start and Target are headroom ratios: below Start rungs run, at or above
	// Target they stop. Target may lie above the policy's, see the engine.
	Start  float64 `json:"start"`
	Target float64 `json:"target"`

	Created time.Time `json:"created"`
	Until   time.Time `json:"until,omitzero"`   // when waiting for Reason ends by itself
	Started time.Time `json:"started,omitzero"` // when the first rung began
	Ended   time.Time `json:"ended,omitzero"`

	Before *State `json:"before,omitempty"` // at Started
	After  *State `json:"after,omitempty"`  // at Ended
	// Recovered is when the node was first read at or above Target after an
	// episode had ended without that.
	Recovered time.Time `json:"recovered,omitzero"`

	Rungs []Rung `json:"rungs,omitempty"`

	// Pending is the rung that waits for approval, and Approval what was said
	// last. They count only together: for the same step and the same plan.
	Pending  *Pending  `json:"pending,omitempty"`
	Approval *Approval `json:"approval,omitempty"`
}

// A Pending rung was planned and waits for a person's word.
type Pending struct {
	Step   int       `json:"step"`
	Remedy string    `json:"remedy"`
	Plan   string    `json:"plan"` // hash of what it would do
	Frees  Amount    `json:"frees"`
	Items  []string  `json:"items,omitempty"` // the first of what it would do, in words
	More   int       `json:"more,omitempty"`  // how many items are not in Items
	At     time.Time `json:"at"`
}

// An Approval is a person's word for one plan of one rung. It ends.
type Approval struct {
	Step    int       `json:"step"`
	Plan    string    `json:"plan"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
}

// Allows reports whether a covers p at that moment. A word of the future does
// not count: the clock was set back, and nobody knows how old it is.
func (a *Approval) Allows(p *Pending, now time.Time) bool {
	return a != nil && p != nil && a.Step == p.Step && a.Plan == p.Plan && !now.Before(a.At) && now.Before(a.Expires)
}

// A State is one reading of an episode's signal against its hard threshold.
type State struct {
	Available int64     `json:"available"`
	Capacity  int64     `json:"capacity"`
	Threshold int64     `json:"threshold"`
	Ratio     float64   `json:"ratio"` // headroom ÷ capacity
	At        time.Time `json:"at"`
}

// Missing returns how much more must become available, in the signal's unit,
// for the headroom ratio to reach target; 0 or less when it has.
func (s State) Missing(target float64) int64 {
	return s.Threshold + int64(math.Ceil(target*float64(s.Capacity))) - s.Available
}

// An Amount is room, in both of a filesystem's units.
type Amount struct {
	Bytes  int64 `json:"bytes"`
	Inodes int64 `json:"inodes"`
}

// Add returns the sum of a and b.
func (a Amount) Add(b Amount) Amount { return Amount{a.Bytes + b.Bytes, a.Inodes + b.Inodes} }

// In returns the part of a that u counts; 0 for a unit that is neither.
func (a Amount) In(u Unit) int64 {
	switch u {
	case Bytes:
		return a.Bytes
	case Inodes:
		return a.Inodes
	}
	return 0
}

// A RungOutcome is how one rung ended.
type RungOutcome string

// The outcomes of a rung. A rung without one is being applied, or was when the
// program died.
const (
	RungDone        RungOutcome = "done"        // removed something
	RungNothing     RungOutcome = "nothing"     // there was nothing it may remove
	RungPlanned     RungOutcome = "planned"     // dry run
	RungSkipped     RungOutcome = "skipped"     // the same rung of the ladder removed nothing twice in this episode
	RungFailed      RungOutcome = "failed"      // see Error; it may have removed something
	RungInterrupted RungOutcome = "interrupted" // the program was stopped meanwhile, or died: then Removed is unknown
)

// RungOutcomes lists every outcome of a rung.
var RungOutcomes = []RungOutcome{RungDone, RungNothing, RungPlanned, RungSkipped, RungFailed, RungInterrupted}

// A Rung is one remedy within an episode: planned, applied, verified.
type Rung struct {
	// Step counts the rungs of an episode. It goes on when the ladder is climbed
	// again and stays when an interrupted rung is repeated.
	Step    int         `json:"step"`
	Remedy  string      `json:"remedy"`
	Outcome RungOutcome `json:"outcome,omitempty"`
	Error   string      `json:"error,omitempty"`
	Plan    string      `json:"plan,omitempty"` // hash of what was planned
	// ApprovedBy is who approved that plan, where that was needed.
	ApprovedBy string `json:"approvedBy,omitempty"`
	// Lent is whether what it removed had been set aside for that before: room,
	// but no success.
	Lent    bool   `json:"lent,omitempty"`
	Planned Amount `json:"planned"` // what the whole plan would free
	// Removed is what the remedy itself removed: blocks of last links, inodes.
	// Nil is unknown.
	Removed *Amount `json:"removed,omitempty"`
	// HalfDone is whether the remedy may have left an effect of several steps half
	// done; it is tried again until it is finished, over restarts too.
	HalfDone bool `json:"halfDone,omitempty"`
	// Before and After are what the filesystem said. Their difference is
	// observed, not removed: others write, too.
	Before     *State    `json:"before,omitempty"`
	After      *State    `json:"after,omitempty"`
	Notes      []string  `json:"notes,omitempty"` // what was left alone and why; harm that was seen
	Started    time.Time `json:"started"`
	FirstFreed time.Time `json:"firstFreed,omitzero"`
	Ended      time.Time `json:"ended,omitzero"`
}
