package kubelet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// cutName returns what follows a metric's name if line is a sample of it.
func cutName(line []byte, name string) (rest string, ok bool) {
	if len(line) <= len(name) || string(line[:len(name)]) != name {
		return "", false
	}
	switch line[len(name)] {
	case '{', ' ', '\t':
		return string(line[len(name):]), true
	}
	return "", false // of a longer name
}

// parseSample reads what follows the name, with or without a timestamp:
//
//	{eviction_signal="nodefs.available",} 1e+06 1395066363000
func parseSample(s string) (labels map[string]string, value float64, err error) {
	s = strings.TrimLeft(s, " \t")
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		if labels, s, err = parseLabels(rest); err != nil {
			return nil, 0, err
		}
	}
	fields := strings.Fields(s)
	if len(fields) != 1 && len(fields) != 2 {
		return nil, 0, errors.New("one value is wanted after the labels")
	}
	if value, err = strconv.ParseFloat(fields[0], 64); err != nil {
		return nil, 0, fmt.Errorf("%q is not a value", fields[0])
	}
	return labels, value, nil
}

// parseLabels reads labels up to their closing brace and returns what follows.
func parseLabels(s string) (labels map[string]string, rest string, err error) {
	labels = make(map[string]string)
	for {
		s = strings.TrimLeft(s, " \t,")
		if rest, ok := strings.CutPrefix(s, "}"); ok {
			return labels, rest, nil
		}
		name, after, ok := strings.Cut(s, "=")
		if !ok {
			return nil, "", errors.New("labels without an end")
		}
		value, rest, ok := cutQuoted(strings.TrimLeft(after, " \t"))
		if !ok {
			return nil, "", fmt.Errorf("label %s: its value is not in quotes", strings.TrimSpace(name))
		}
		labels[strings.TrimSpace(name)], s = value, rest
	}
}

// cutQuoted reads a label's value in its quotes, where \\, \" and \n stand for
// what cannot stand there itself, and returns what follows.
func cutQuoted(s string) (value, rest string, ok bool) {
	if s, ok = strings.CutPrefix(s, `"`); !ok {
		return "", "", false
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return unescape.Replace(s[:i]), s[i+1:], true
		}
	}
	return "", "", false
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")
