package remediator

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
)

func writeList(w io.Writer, st control.State) error {
	writeHeld(w, st)
	if len(st.Cases) == 0 {
		_, err := fmt.Fprintln(w, "No cases: no alert has concerned this node.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tSIGNAL\tSTATE\tSINCE\tALERT\tRUNGS\tREMOVED\tHEADROOM")
	for _, c := range st.Cases {
		ep := c.Last()
		if ep == nil {
			fmt.Fprintf(table, "%s\t%s\tRequested\t\t%s\t\t\t\n", c.Node, c.Signal, alertname(cmp.Or(c.Unheeded(), c.Request)))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.Node, c.Signal, standing(ep),
			since(ep), alertname(&ep.Request), len(ep.Rungs), removed(ep), headroomOf(ep))
	}
	return table.Flush()
}

// writeHeld says what holds every episode.
func writeHeld(w io.Writer, st control.State) {
	if p := st.Control.Pause; p.Holds(time.Now()) {
		fmt.Fprintf(w, "Paused by %s since %s, %s", plain(p.By), clock(p.Since), lasting(*p))
		if p.Why != "" {
			fmt.Fprintf(w, ": %s", plain(p.Why))
		}
		fmt.Fprintln(w)
	}
	if b := st.Control.Breaker; b != nil {
		fmt.Fprintf(w, "Breaker open since %s, when %d nodes had alerted; it closes at %s unless the storm goes on\n", clock(b.Opened), b.Nodes, clock(b.Until))
	}
	if st.DryRun {
		fmt.Fprintln(w, "Dry run: rungs are planned and none is applied")
	}
}

// lasting says how long a pause lasts.
func lasting(p headroom.Pause) string {
	if p.Until.IsZero() {
		return "until `headroom-remediator resume`"
	}
	return "until " + clock(p.Until)
}

// since is when an episode came to stand where it does.
func since(ep *headroom.Episode) string {
	switch {
	case !ep.Ended.IsZero():
		return clock(ep.Ended)
	case !ep.Started.IsZero():
		return clock(ep.Started)
	}
	return clock(ep.Created)
}

// removed is what the rungs of an episode removed together; at least that, where
// it is not known of one.
func removed(ep *headroom.Episode) string {
	var sum headroom.Amount
	least := ""
	for _, r := range ep.Rungs {
		switch {
		case r.Removed != nil:
			sum = sum.Add(*r.Removed)
		case r.Outcome == headroom.RungInterrupted:
			least = "≥ "
		}
	}
	return least + headroom.Bytes.Format(sum.Bytes)
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
