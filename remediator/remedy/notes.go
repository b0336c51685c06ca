package remedy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Notes say what was left alone, by reason. A million files may have the same
// one, so each reason has a count and one example, and the reasons are few.
type notes struct {
	order []string
	seen  map[string]*note
}

type note struct {
	count   int
	example string
}

// maxReasons bounds notes whose reasons name a process or an error.
const maxReasons = 32

// add counts what as left alone because of reason, which completes the sentence
// "left alone: …".
func (n *notes) add(reason, what string) {
	reason, what = printable(short(reason)), short(what)
	if seen := n.seen[reason]; seen != nil {
		seen.count++
		return
	}
	if n.seen == nil {
		n.seen = make(map[string]*note)
	}
	if len(n.order) >= maxReasons {
		reason = "other reasons"
		if seen := n.seen[reason]; seen != nil {
			seen.count++
			return
		}
	}
	n.order = append(n.order, reason)
	n.seen[reason] = &note{1, what}
}

// maxNote is how much of a reason, or of an example, is kept, in bytes: an error of
// the runtime's may have megabytes, and a container may have had its say in it.
const maxNote = 500

func short(s string) string {
	if len(s) <= maxNote {
		return s
	}
	return strings.ToValidUTF8(s[:maxNote], "") + " …"
}

// list returns a line per reason.
func (n *notes) list() []string {
	var lines []string
	for _, reason := range n.order {
		switch seen := n.seen[reason]; {
		case seen.example == "":
			lines = append(lines, reason)
		case seen.count == 1:
			lines = append(lines, fmt.Sprintf("left alone: %s: %s", seen.example, reason))
		default:
			lines = append(lines, fmt.Sprintf("left alone: %s and %d more: %s", seen.example, seen.count-1, reason))
		}
	}
	return lines
}

// printable returns a name as it is if a terminal shows it as it is, else
// quoted.
func printable(name string) string {
	for _, r := range name {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return strconv.Quote(name)
		}
	}
	return name
}
