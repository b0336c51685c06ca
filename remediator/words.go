package remediator

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	headroom "github.com/nodeheadroom/headroom"
)

func state(s headroom.State, unit headroom.Unit) string {
	return fmt.Sprintf("%s available of %s, threshold %s, headroom %s", unit.Format(s.Available), unit.Format(s.Capacity), unit.Format(s.Threshold), percent(s.Ratio))
}

func amount(a headroom.Amount) string {
	return fmt.Sprintf("%s and %d inodes", headroom.Bytes.Format(a.Bytes), a.Inodes)
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

// plain is a sentence that came from elsewhere: quoted where a terminal would
// do anything but show it.
func plain(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// short is as much of a hash as tells it from others.
func short(hash string) string { return hash[:min(12, len(hash))] }

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func percent(ratio float64) string { return fmt.Sprintf("%.1f%%", 100*ratio) }
