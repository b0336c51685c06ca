package exporter

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nodeheadroom/headroom"
)

// write writes r for people.
func (r *report) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(wrap(r.sentence(), ""))
	if len(r.Signals) > 0 {
		b.WriteByte('\n')
		r.signalTable().write(&b, "") // into memory: no errors
	}
	b.WriteByte('\n')
	b.WriteString(wrap(r.origin(), ""))
	if len(r.Filesystems) > 0 {
		b.WriteString("\nDisks\n")
		r.diskTable().write(&b, "  ")
	}
	for _, p := range r.Problems {
		b.WriteByte('\n')
		b.WriteString(p.text())
	}
	if len(r.Consumers) > 0 {
		fmt.Fprintf(&b, "\nLargest consumers by %s (%s)\n", r.Consumers[0].Unit, r.ConsumersFrom)
		r.consumerTable().write(&b, "  ")
	}
	before := b.Len()
	for _, f := range r.Failures {
		if f.Reader == "thresholds" && r.Thresholds.Source == "" {
			continue // said above
		}
		if b.Len() == before {
			b.WriteString("\nNot read\n")
		}
		b.WriteString(wrap(printable(f.Reader+": "+f.Error), "  "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sentence says how the node stands: first what decides the status.
func (r *report) sentence() string {
	said := r.below()
	if near := r.nearby(); near != "" {
		said = append(said, near)
	}
	if first := r.find(r.First); first != nil && *first.Headroom >= 0 {
		said = append(said, fmt.Sprintf("%s trips first: %s (%s) above its hard threshold.",
			first.Signal, first.Unit.Format(*first.Headroom), percent(*first.Ratio)))
	}
	switch {
	case len(said) > 0:
	case r.Thresholds.Source != "":
		said = append(said, "No hard threshold is set that could be compared: the kubelet does not evict, or it cannot be told when.")
	default:
		said = append(said, "How far this node is from eviction cannot be told: its thresholds are unknown.")
	}
	return strings.Join(said, " ")
}

// below says which thresholds are met, in a sentence for each kind.
func (r *report) below() []string {
	var said []string
	for _, e := range headroom.Evictions {
		var met []string
		for _, s := range r.Signals {
			if slices.Contains(s.Met, e) {
				met = append(met, string(s.Signal))
			}
		}
		if len(met) > 0 {
			said = append(said, fmt.Sprintf("Below the %s threshold: %s.", e, strings.Join(met, ", ")))
		}
	}
	return said
}

// nearby says which thresholds are near where that is the status. Where only hard
// ones are, what trips first is said without.
func (r *report) nearby() string {
	if r.Verdict != Near {
		return ""
	}
	var all []string
	soft := false
	for _, s := range r.Signals {
		for _, to := range s.Evictions {
			if to.Status != Near {
				continue
			}
			soft = soft || to.Eviction == headroom.Soft
			all = append(all, fmt.Sprintf("%s (%s: %s, %s)", s.Signal, to.Eviction, s.Unit.Format(*to.Headroom), percent(*to.Ratio)))
		}
	}
	if !soft {
		return ""
	}
	return fmt.Sprintf("Within %.0f%% of a threshold: %s.", 100*near, strings.Join(all, ", "))
}

func (r *report) signalTable() *table {
	t := &table{right: []bool{false, true, true, true, true, true, true, false}}
	t.add("SIGNAL", "AVAILABLE", "CAPACITY", "HARD", "SOFT", "HEADROOM", "", "MOUNTED AT")
	for _, s := range r.Signals {
		ratio := ""
		if s.Ratio != nil {
			ratio = percent(*s.Ratio)
		}
		t.add(string(s.Signal), s.amount(s.Available), s.amount(s.Capacity), s.amount(s.Hard), s.amount(s.Soft),
			s.amount(s.Headroom), ratio, printable(s.Mountpoint))
	}
	return t
}

// amount shows a number of a signal; its unit stands in its name, but for bytes.
func (s *signalReport) amount(n *int64) string {
	switch {
	case n == nil:
		return "–"
	case s.Unit == headroom.Bytes:
		return s.Unit.Format(*n)
	}
	return strconv.FormatInt(*n, 10)
}

// origin says where the thresholds are from.
func (r *report) origin() string {
	t := r.Thresholds
	if t.Source == "" {
		why := "nothing tells them."
		for _, f := range r.Failures {
			if f.Reader == "thresholds" {
				why = printable(f.Error)
			}
		}
		return "Thresholds: none: " + why
	}
	from := map[string]string{
		"configz": "the running kubelet (/configz)",
		"flags":   "the running kubelet's command line and files",
		"files":   "the kubelet's configuration file",
		"log":     "the kubelet's log",
		"assumed": "a file that says what to assume",
	}[t.Source]
	version := "of unknown version"
	if t.Version != "" {
		version = printable(t.Version)
	}
	age := max(0, r.Time.Sub(*t.Read)).Round(time.Second)
	return fmt.Sprintf("Thresholds: from %s, kubelet %s, read %s ago.", from, version, age)
}

func (r *report) diskTable() *table {
	t := &table{right: make([]bool, 5)}
	for _, d := range r.Filesystems {
		roles := make([]string, len(d.Roles))
		for i, role := range d.Roles {
			roles[i] = string(role)
		}
		t.add(d.Disk, strings.Join(roles, " "), clip(printable(d.Type), 20), clip(printable(d.Device), 40), printable(d.Mountpoint))
	}
	return t
}

func (p problemReport) text() string {
	head := "Problem: "
	if p.Severity == headroom.Information {
		head = "For information: "
	}
	head += strings.ReplaceAll(string(p.Problem), "_", " ")
	signals := make([]string, len(p.Signals))
	for i, s := range p.Signals {
		signals[i] = string(s)
	}
	if len(signals) > 0 {
		head += " (" + strings.Join(signals, ", ") + ")"
	}
	return wrap(head, "") + wrap(p.Meaning, "  ") + wrap("→ "+p.Advice, "  ")
}

func (r *report) consumerTable() *table {
	t := &table{right: []bool{true, false, false, false}}
	for _, c := range r.Consumers {
		amount := strconv.FormatInt(c.Used, 10)
		if c.Unit == headroom.Bytes {
			amount = c.Unit.Format(c.Used)
		}
		t.add(amount, string(c.Kind), string(c.Filesystem), printable(c.owner()))
	}
	return t
}

// owner is namespace/pod/container, as far as there is one.
func (c consumerReport) owner() string {
	var parts []string
	for _, p := range []string{c.Namespace, c.Pod, c.Container} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}

func percent(ratio float64) string { return fmt.Sprintf("%.1f%%", 100*ratio) }
