package remediator

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A planned is what would be done about a signal now.
type planned struct {
	Node    string          `json:"node"`
	Signal  headroom.Signal `json:"signal"`
	State   headroom.State  `json:"state"`
	Start   float64         `json:"start"`
	Target  float64         `json:"target"`
	Missing int64           `json:"missing"` // for the target, in the signal's unit
	Rungs   []plannedRung   `json:"rungs"`
}

type plannedRung struct {
	Remedy string          `json:"remedy"`
	Error  string          `json:"error,omitempty"`
	Hash   string          `json:"hash,omitempty"`
	Frees  headroom.Amount `json:"frees"`
	Items  []plannedItem   `json:"items,omitempty"`
	Notes  []string        `json:"notes,omitempty"`
}

type plannedItem struct {
	Does string `json:"does"`
	What string `json:"what"`
	headroom.Amount
}

// showPlan plans every rung of the ladder that an alert for the signal would
// set off, each for what the rungs before it would leave to do.
func showPlan(ctx context.Context, s *settings, name, stage, format string) error {
	signal, err := headroom.ParseSignal(name)
	if err != nil {
		return fmt.Errorf("--signal: %w", err)
	}
	p, err := policy.Load(s.policyFile, remedy.All)
	if err != nil {
		return err
	}
	c, ok := p.Find(map[string]string{
		"node": s.nodeName, "cluster": p.Cluster, "signal": name,
		"filesystem": string(signal.Filesystem()), "stage": stage,
	})
	if !ok {
		return fmt.Errorf("%s: no case matches an alert with signal=%q and stage=%q, so nothing would be done", s.policyFile, name, stage)
	}
	machine, err := s.node.Machine(slog.New(slog.DiscardHandler)) // what fails is said below
	if err != nil {
		return err
	}
	if err := machine.Refresh(ctx); err != nil {
		return fmt.Errorf("thresholds: %w", err)
	}
	view, err := reader{node: machine.Node, source: machine.Source}.Read(ctx, signal)
	if err != nil {
		return err
	}
	result := planned{
		Node: s.nodeName, Signal: signal, State: view.State,
		Start: c.Start, Target: view.Target(c.Target),
	}
	result.Missing = view.Missing(result.Target)

	need := remedy.Need{Signal: signal, Disk: view.Disk, Amount: result.Missing}
	host := s.host()
	for _, rung := range c.Ladder {
		if need.Amount <= 0 {
			break
		}
		r := planRung(ctx, rung.Remedy, host, need)
		need.Amount -= r.Frees.In(signal.Unit())
		result.Rungs = append(result.Rungs, r)
	}
	return print(s.stdout, format, result, writePlan)
}

func planRung(ctx context.Context, rm remedy.Remedy, host remedy.Node, need remedy.Need) plannedRung {
	plan, err := rm.Plan(ctx, host, need)
	if err != nil {
		return plannedRung{Remedy: rm.Name(), Error: err.Error()}
	}
	r := plannedRung{Remedy: rm.Name(), Hash: plan.Hash(), Frees: plan.Frees, Notes: plan.Notes}
	for _, item := range plan.Items {
		r.Items = append(r.Items, plannedItem{item.Does, item.What, item.Frees})
	}
	return r
}

// maxRows is how many items of a plan the table shows; JSON has all.
const maxRows = 20

func writePlan(w io.Writer, p planned) error {
	unit := p.Signal.Unit()
	fmt.Fprintf(w, "%s on %s: %s available of %s, threshold %s, headroom %s\n", p.Signal, p.Node,
		unit.Format(p.State.Available), unit.Format(p.State.Capacity), unit.Format(p.State.Threshold), percent(p.State.Ratio))
	if p.State.Ratio >= p.Start {
		fmt.Fprintf(w, "Nothing would be done now: rungs run when headroom falls below %s.\n", percent(p.Start))
	}
	if p.Missing <= 0 {
		fmt.Fprintf(w, "Headroom is above the target of %s.\n", percent(p.Target))
		return nil
	}
	fmt.Fprintf(w, "%s more would reach the target of %s.\n", unit.Format(p.Missing), percent(p.Target))
	for i, r := range p.Rungs {
		fmt.Fprintf(w, "\n%d. %s would free %s and %d inodes\n", i+1, r.Remedy, headroom.Bytes.Format(r.Frees.Bytes), r.Frees.Inodes)
		if r.Error != "" {
			fmt.Fprintf(w, "   cannot be planned: %s\n", r.Error)
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for j, item := range r.Items {
			if j == maxRows {
				fmt.Fprintf(table, "   …\tand %d more\t\n", len(r.Items)-maxRows)
				break
			}
			fmt.Fprintf(table, "   %s\t%s\t%s\n", item.Does, headroom.Bytes.Format(item.Bytes), item.What)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		for j, note := range r.Notes {
			if j == maxRows {
				fmt.Fprintf(w, "   … and %d more that would be left alone\n", len(r.Notes)-maxRows)
				break
			}
			fmt.Fprintf(w, "   left alone: %s\n", note)
		}
	}
	return nil
}
