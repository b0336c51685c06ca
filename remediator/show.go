package remediator

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

func writeList(w io.Writer, cases []headroom.Case) error {
	if len(cases) == 0 {
		_, err := fmt.Fprintln(w, "No cases: no alert has concerned this node.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tSIGNAL\tSTATE\tSINCE\tALERT\tRUNGS\tREMOVED\tHEADROOM")
	for _, c := range cases {
		ep := c.Last()
		if ep == nil {
			fmt.Fprintf(table, "%s\t%s\tRequested\t\t%s\t\t\t\n", c.Node, c.Signal, alertname(c.Request))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.Node, c.Signal, standing(ep),
			since(ep), alertname(&ep.Request), len(ep.Rungs), headroom.Bytes.Format(removed(ep).Bytes), headroomOf(ep))
	}
	return table.Flush()
}

func writeCase(w io.Writer, c headroom.Case) error {
	fmt.Fprintf(w, "Case %s on %s\n", c.Signal, c.Node)
	for i := len(c.Episodes) - 1; i >= 0; i-- {
		if err := writeEpisode(w, c.Signal.Unit(), &c.Episodes[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeEpisode(w io.Writer, unit headroom.Unit, ep *headroom.Episode) error {
	fmt.Fprintf(w, "\nEpisode %s: %s\n", ep.ID, standing(ep))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(table, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	if ep.Detail != "" {
		line("why", "%s", ep.Detail)
	}
	line("alert", "%s, received %s", alertname(&ep.Request), clock(ep.Request.Received))
	line("policy", "%s: start %s, target %s, dry run %t", ep.Policy, percent(ep.Start), percent(ep.Target), ep.DryRun)
	if ep.Before != nil {
		line("before", "%s", state(*ep.Before, unit))
	}
	if ep.After != nil {
		line("after", "%s", state(*ep.After, unit))
	}
	if !ep.Ended.IsZero() {
		line("ended", "%s, %s after the alert arrived", clock(ep.Ended), ep.Ended.Sub(ep.Request.Received).Round(time.Millisecond))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range ep.Rungs {
		writeRung(w, unit, r)
	}
	return nil
}

func writeRung(w io.Writer, unit headroom.Unit, r headroom.Rung) {
	outcome := string(r.Outcome)
	if outcome == "" {
		outcome = "being applied"
	}
	fmt.Fprintf(w, "  rung %d %s: %s", r.Step+1, r.Remedy, outcome)
	switch {
	case r.Outcome == headroom.RungPlanned:
		fmt.Fprintf(w, ", would free %s and %d inodes", headroom.Bytes.Format(r.Planned.Bytes), r.Planned.Inodes)
	case r.Removed == nil:
		fmt.Fprint(w, ", removed is unknown")
	default:
		fmt.Fprintf(w, ", removed %s and %d inodes", headroom.Bytes.Format(r.Removed.Bytes), r.Removed.Inodes)
	}
	if r.Before != nil && r.After != nil {
		fmt.Fprintf(w, ", observed %s", unit.Format(r.After.Available-r.Before.Available))
	}
	if !r.Ended.IsZero() {
		fmt.Fprintf(w, ", in %s", r.Ended.Sub(r.Started).Round(time.Millisecond))
	}
	fmt.Fprintln(w)
	if r.Error != "" {
		fmt.Fprintf(w, "    error: %s\n", r.Error)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "    %s\n", n)
	}
}

// standing is where an episode stands, in a word or two.
func standing(ep *headroom.Episode) string {
	switch {
	case ep.Phase == headroom.Over:
		return string(ep.Outcome)
	case ep.Phase == headroom.Waiting:
		return fmt.Sprintf("Waiting (%s)", ep.Reason)
	}
	return string(ep.Phase)
}

func since(ep *headroom.Episode) string {
	switch {
	case !ep.Ended.IsZero():
		return clock(ep.Ended)
	case !ep.Started.IsZero():
		return clock(ep.Started)
	}
	return clock(ep.Created)
}

func removed(ep *headroom.Episode) headroom.Amount {
	var sum headroom.Amount
	for _, r := range ep.Rungs {
		if r.Removed != nil {
			sum = sum.Add(*r.Removed)
		}
	}
	return sum
}

func headroomOf(ep *headroom.Episode) string {
	switch {
	case ep.Before != nil && ep.After != nil:
		return percent(ep.Before.Ratio) + " → " + percent(ep.After.Ratio)
	case ep.After != nil:
		return percent(ep.After.Ratio)
	case ep.Before != nil:
		return percent(ep.Before.Ratio)
	}
	return ""
}

func state(s headroom.State, unit headroom.Unit) string {
	return fmt.Sprintf("%s available of %s, threshold %s, headroom %s", unit.Format(s.Available), unit.Format(s.Capacity), unit.Format(s.Threshold), percent(s.Ratio))
}

// alertname is a label that came from outside: quoted where it is not a word.
func alertname(r *headroom.Request) string {
	if r == nil {
		return ""
	}
	return word(r.Labels["alertname"])
}

func word(s string) string {
	for _, c := range s {
		if c <= ' ' || c == 0x7f || c > 0x7e {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func percent(ratio float64) string { return fmt.Sprintf("%.1f%%", 100*ratio) }
