package engine

import (
	"context"
	"fmt"
	"slices"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A Planned ladder is what would be done about a signal now.
type Planned struct {
	Node    string          `json:"node"`
	Signal  headroom.Signal `json:"signal"`
	State   headroom.State  `json:"state"`
	Start   float64         `json:"start"`
	Target  float64         `json:"target"`
	Missing int64           `json:"missing"` // for the target, in the signal's unit
	Rungs   []PlannedRung   `json:"rungs"`
}

// A PlannedRung is what one rung would do about what those before it leave.
type PlannedRung struct {
	Remedy   string          `json:"remedy"`
	Approval bool            `json:"approval,omitempty"` // a person must approve it first
	Error    string          `json:"error,omitempty"`
	Hash     string          `json:"hash,omitempty"`
	Frees    headroom.Amount `json:"frees"`
	Items    []PlannedItem   `json:"items,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
}

// A PlannedItem is one effect that a rung would have.
type PlannedItem struct {
	Does string `json:"does"`
	What string `json:"what"`
	headroom.Amount
}

// A Planner says what would be done and changes nothing. Plan may be called
// from many goroutines, beside an engine that runs as well.
type Planner struct {
	Policy *policy.Policy
	Reader Reader
	Node   remedy.Node
}

// stages are those whose alerts may set off a ladder.
var stages = []string{"before", "at"}

// Plan plans every rung of the ladder that an alert of that stage for the signal
// would set off, each for what the rungs before it would leave to do. No gate is
// asked. It returns headroom.ErrNotFound where no case of the policy matches
// such an alert.
func (p Planner) Plan(ctx context.Context, signal headroom.Signal, stage string) (Planned, error) {
	if !slices.Contains(stages, stage) {
		return Planned{}, fmt.Errorf("%w: stage %q: use before or at", headroom.ErrInvalid, stage)
	}
	c, ok := p.Policy.Find(asked(p.Policy, p.Node.Name, signal, stage))
	if !ok {
		return Planned{}, fmt.Errorf("%w: no case of the policy matches an alert with signal=%q and stage=%q, so nothing would be done", headroom.ErrNotFound, signal, stage)
	}
	view, err := p.Reader.Read(ctx, signal)
	if err != nil {
		return Planned{}, err
	}
	result := Planned{
		Node: p.Node.Name, Signal: signal, State: view.State,
		Start: c.Start, Target: view.Target(c.Target),
	}
	result.Missing = view.Missing(result.Target)

	need := remedy.Need{Signal: signal, Disk: view.Disk, Amount: result.Missing}
	for _, rung := range c.Ladder {
		if need.Amount <= 0 {
			break
		}
		r := planRung(ctx, rung, p.Node, need)
		need.Amount -= r.Frees.In(signal.Unit())
		result.Rungs = append(result.Rungs, r)
	}
	return result, ctx.Err()
}

// asked are the labels that a person's request has in the place of an alert's, so
// that a plan is of what a run would do.
func asked(p *policy.Policy, node string, signal headroom.Signal, stage string) map[string]string {
	labels := map[string]string{"alertname": "run", "node": node, "signal": string(signal), "stage": stage}
	if p.Cluster != "" {
		labels["cluster"] = p.Cluster
	}
	if fs := signal.Filesystem(); fs != "" {
		labels["filesystem"] = string(fs)
	}
	return labels
}

func planRung(ctx context.Context, rung policy.Rung, n remedy.Node, need remedy.Need) PlannedRung {
	r := PlannedRung{Remedy: rung.Remedy.Name(), Approval: rung.Approval}
	plan, err := rung.Remedy.Plan(ctx, n, need)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	r.Hash, r.Frees, r.Notes = plan.Hash(), plan.Frees, plan.Notes
	for _, item := range plan.Items {
		r.Items = append(r.Items, PlannedItem{item.Does, item.What, item.Frees})
	}
	return r
}

// Plan says what would be done about a signal now; see Planner.
func (e *Engine) Plan(ctx context.Context, signal headroom.Signal, stage string) (Planned, error) {
	return Planner{Policy: e.Policy, Reader: e.Reader, Node: e.Node}.Plan(ctx, signal, stage)
}
