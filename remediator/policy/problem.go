package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// maxProblems is how many are told at once.
const maxProblems = 20

// A problem is one thing that is wrong with a file. It reads
// "file:line: field: value: what is wrong and what to do".
type problem struct {
	file               string
	line               int
	field, value, what string
}

func (p problem) Error() string {
	at := p.file
	if p.line > 0 {
		at += ":" + strconv.Itoa(p.line)
	}
	parts := slices.DeleteFunc([]string{at, p.field, p.value, p.what}, func(s string) bool { return s == "" })
	return oneLine(strings.Join(parts, ": "))
}

// oneLine shows in Go's way what cannot be printed: a library's words about a value
// may hold the value as it is.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// A parser goes on after a problem, so that a person sees all of them.
type parser struct {
	file     string
	remedies []remedy.Remedy
	problems []problem
	others   []remedy.Remedy // of the rungs so far
}

// refuse notes a problem with the value of a node.
func (p *parser) refuse(n *yaml.Node, field, format string, args ...any) {
	p.note(n, field, value(n), fmt.Sprintf(format, args...))
}

// refuseKey notes a problem with a field's name or absence rather than with its
// value.
func (p *parser) refuseKey(n *yaml.Node, field, format string, args ...any) {
	p.note(n, field, "", fmt.Sprintf(format, args...))
}

func (p *parser) note(n *yaml.Node, field, value, what string) {
	p.problems = append(p.problems, problem{p.file, n.Line, field, value, what})
}

// err returns the problems, by line and field, or nil.
func (p *parser) err() error {
	slices.SortFunc(p.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.field, b.field), cmp.Compare(a.what, b.what))
	})
	var errs []error
	for i, problem := range p.problems {
		if i == maxProblems {
			errs = append(errs, fmt.Errorf("%s: %d more problems", p.file, len(p.problems)-maxProblems))
			break
		}
		errs = append(errs, problem)
	}
	return errors.Join(errs...)
}

// value shows what a file says, fit for one line.
func value(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "[]"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "no value"
	}
	return quote(n.Value)
}

func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	if strings.Contains(s, `"`) && !strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || !strconv.IsPrint(r) }) {
		return "'" + s + "'" // a matcher, as it is written in YAML
	}
	return strconv.Quote(s)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
