package remediator

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
	"github.com/nodeheadroom/headroom/remediator/engine"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// plan asks the program that runs, or looks at policy and node by itself.
func (s *settings) plan(ctx context.Context, signal headroom.Signal, stage string) (engine.Planned, error) {
	if s.asks(s.policyGiven) {
		planned, err := control.NewClient(s.controlSocket).Plan(ctx, signal, stage)
		if !s.alone(err, "planning by "+s.policyFile) {
			return planned, err
		}
	}
	p, err := policy.Load(s.policyFile, remedy.All)
	if err != nil {
		return engine.Planned{}, err
	}
	machine, err := s.node.Machine(slog.New(slog.DiscardHandler)) // what fails is said below
	if err != nil {
		return engine.Planned{}, err
	}
	if err := machine.Refresh(ctx); err != nil {
		return engine.Planned{}, fmt.Errorf("thresholds: %w", err)
	}
	host, err := s.host(machine)
	if err != nil {
		return engine.Planned{}, err
	}
	defer host.close()
	r := reader{node: machine.Node, source: machine.Source}
	return engine.Planner{Policy: p, Reader: r, Node: host.Node}.Plan(ctx, signal, stage)
}

// maxRows is how many items of a plan the table shows; JSON has all.
const maxRows = 20

func writePlan(w io.Writer, p engine.Planned) error {
	unit := p.Signal.Unit()
	fmt.Fprintf(w, "%s on %s: %s\n", p.Signal, p.Node, state(p.State, unit))
	if p.State.Ratio >= p.Start {
		fmt.Fprintf(w, "Nothing would be done now: rungs run when headroom falls below %s.\n", percent(p.Start))
	}
	if p.Missing <= 0 {
		fmt.Fprintf(w, "Headroom is above the target of %s.\n", percent(p.Target))
		return nil
	}
	fmt.Fprintf(w, "%s more would reach the target of %s.\n", unit.Format(p.Missing), percent(p.Target))
	for i, r := range p.Rungs {
		if err := writePlannedRung(w, i+1, r); err != nil {
			return err
		}
	}
	return nil
}

func writePlannedRung(w io.Writer, number int, r engine.PlannedRung) error {
	fmt.Fprintf(w, "\n%d. %s would free %s", number, r.Remedy, amount(r.Frees))
	if r.Approval {
		fmt.Fprint(w, ", once a person approves")
	}
	fmt.Fprintln(w)
	if r.Error != "" {
		fmt.Fprintf(w, "   cannot be planned: %s\n", plain(r.Error))
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
		fmt.Fprintf(w, "   left alone: %s\n", plain(note))
	}
	return nil
}
