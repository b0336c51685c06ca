package remediator

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

func writeCase(w io.Writer, c headroom.Case) error {
	fmt.Fprintf(w, "Case %s on %s\n", c.Signal, c.Node)
	if r := c.Unanswered(); r != nil && c.Open() == nil {
		fmt.Fprintf(w, "Asked for at %s (%s) and not answered yet\n", clock(r.Received), alertname(r))
	}
	if r := c.Unheeded(); r != nil {
		fmt.Fprintf(w, "Asked for at %s by %s and not begun yet\n", clock(r.Received), plain(r.By))
	}
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
		line("why", "%s", plain(ep.Detail))
	}
	if ep.Phase == headroom.Waiting {
		if ep.Lift != "" {
			line("lifts it", "%s", plain(ep.Lift))
		}
		if !ep.Until.IsZero() {
			line("until", "%s", clock(ep.Until))
		}
	}
	if ep.Request.By != "" {
		line("asked", "by %s at %s", plain(ep.Request.By), clock(ep.Request.Received))
	} else {
		line("alert", "%s, received %s", alertname(&ep.Request), clock(ep.Request.Received))
	}
	line("policy", "%s: start %s, target %s, dry run %t", ep.Policy, percent(ep.Start), percent(ep.Target), ep.DryRun)
	if ep.Before != nil {
		line("before", "%s", state(*ep.Before, unit))
	}
	if ep.After != nil {
		line("after", "%s", state(*ep.After, unit))
	}
	if !ep.Ended.IsZero() {
		line("ended", "%s, %s after it was asked for", clock(ep.Ended), ep.Ended.Sub(ep.Request.Received).Round(time.Millisecond))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range ep.Rungs {
		if err := writeRung(w, unit, r); err != nil {
			return err
		}
	}
	writeApproval(w, ep)
	return nil
}

// writeApproval says what waits for a person's word and how to give it, or who
// gave it last.
func writeApproval(w io.Writer, ep *headroom.Episode) {
	if a := ep.Approval; a != nil {
		fmt.Fprintf(w, "  approved: plan %s of rung %d by %s at %s, until %s\n", short(a.Plan), a.Step+1, plain(a.By), clock(a.At), clock(a.Expires))
	}
	p := ep.Pending
	if p == nil || ep.Phase != headroom.Waiting {
		return
	}
	fmt.Fprintf(w, "  rung %d %s would free %s, by plan %s of %s:\n", p.Step+1, p.Remedy, amount(p.Frees), short(p.Plan), clock(p.At))
	for _, item := range p.Items {
		fmt.Fprintf(w, "    %s\n", plain(item))
	}
	if p.More > 0 {
		fmt.Fprintf(w, "    … and %d more\n", p.More)
	}
	fmt.Fprintf(w, "  It waits for: headroom-remediator approve %s %s\n", ep.ID, short(p.Plan))
}

// writeRung is the whole record of a rung. What it removed and what was
// observed stand apart: others write, too.
func writeRung(w io.Writer, unit headroom.Unit, r headroom.Rung) error {
	fmt.Fprintf(w, "  %s\n", rungLine(unit, r))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(table, "    %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	if r.Plan != "" && r.Outcome != headroom.RungPlanned {
		line("planned", "%s, by plan %s", amount(r.Planned), short(r.Plan))
	}
	if r.ApprovedBy != "" {
		line("approved", "by %s", plain(r.ApprovedBy))
	}
	if r.Before != nil && r.After != nil {
		line("headroom", "%s → %s", percent(r.Before.Ratio), percent(r.After.Ratio))
	}
	if !r.FirstFreed.IsZero() {
		line("first freed", "%s after it began", r.FirstFreed.Sub(r.Started).Round(time.Millisecond))
	}
	if r.Error != "" {
		line("error", "%s", plain(r.Error))
	}
	for _, n := range r.Notes {
		line("note", "%s", plain(n))
	}
	return table.Flush()
}

// rungLine is how a rung went, in one line.
func rungLine(unit headroom.Unit, r headroom.Rung) string {
	outcome := string(r.Outcome)
	if outcome == "" {
		outcome = "being applied"
	}
	line := fmt.Sprintf("rung %d %s: %s", r.Step+1, r.Remedy, outcome)
	switch {
	case r.Outcome == headroom.RungPlanned:
		line += ", would free " + amount(r.Planned)
	case r.Outcome == "":
		return line + " since " + clock(r.Started)
	case r.Removed == nil:
		line += ", removed is unknown"
	default:
		line += ", removed " + amount(*r.Removed)
	}
	if r.Lent {
		line += " that had been set aside"
	}
	if r.Before != nil && r.After != nil {
		line += ", observed " + unit.Format(r.After.Available-r.Before.Available)
	}
	if !r.Ended.IsZero() {
		line += ", in " + r.Ended.Sub(r.Started).Round(time.Millisecond).String()
	}
	return line
}
