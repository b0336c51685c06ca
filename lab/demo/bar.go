package main

import (
	"fmt"
	"strings"
)

// A gauge is the signal as it stands. Threshold is 0 until it is known; start and
// target are headroom ratios, the policy's.
type gauge struct {
	signal                         string
	available, threshold, capacity int64
	start, target                  float64
}

func (g gauge) headroom() int64 { return g.available - g.threshold }

func (g gauge) ratio(bytes int64) float64 { return float64(bytes) / float64(g.capacity) }

// eighths fill a cell from the left.
var eighths = []rune(" ▏▎▍▌▋▊▉")

// bar draws the disk: what is used grows from the left, what the kubelet wants to
// keep free stands at the right, headroom is what lies between.
//
//	██████████████████████████▌·······▒▒▒▒▒▒
func (g gauge) bar(width int) (used, free, kept string) {
	filled := min(max(1-g.ratio(g.available), 0), 1) * float64(width)
	cells := int(filled)
	used = strings.Repeat("█", cells)
	if part := int((filled - float64(cells)) * 8); part > 0 {
		used += string(eighths[part])
		cells++
	}
	edge := g.column(0, width)
	free = strings.Repeat("·", max(edge-cells, 0))
	kept = strings.Repeat("▒", max(width-max(edge, cells), 0))
	return used, free, kept
}

// column is where in a bar of that width a headroom ratio lies.
func (g gauge) column(ratio float64, width int) int {
	if g.threshold == 0 {
		return width
	}
	return min(max(int((1-g.ratio(g.threshold)-ratio)*float64(width)+0.5), 0), width)
}

// ruler names what lies where in the bar above it:
//
//	target┘   start┘    └eviction
func (g gauge) ruler(width int) string {
	if g.threshold == 0 {
		return ""
	}
	line := []rune(strings.Repeat(" ", width))
	put := func(at int, text string) {
		label := []rune(text)
		if at < 0 || at+len(label) > width || strings.TrimSpace(string(line[max(at-1, 0):at+len(label)])) != "" {
			return
		}
		copy(line[at:], label)
	}
	for _, mark := range []struct {
		name  string
		ratio float64
	}{{"target", g.target}, {"start", g.start}} {
		label := mark.name + "┘"
		put(g.column(mark.ratio, width)-len([]rune(label))+1, label)
	}
	put(g.column(0, width), "└eviction")
	return strings.TrimRight(string(line), " ")
}

// numbers are the gauge in words.
func (g gauge) numbers() string {
	available := fmt.Sprintf("available %s %s", size(g.available), percent(g.ratio(g.available)))
	if g.threshold == 0 {
		return available + "   threshold not known yet"
	}
	return available + fmt.Sprintf("   threshold %s %s   headroom %s %s",
		size(g.threshold), percent(g.ratio(g.threshold)), size(g.headroom()), percent(g.ratio(g.headroom())))
}

func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func percent(ratio float64) string { return fmt.Sprintf("%.1f%%", 100*ratio) }
