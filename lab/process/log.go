package process

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// kept is how many last lines of a program are remembered.
const kept = 12

// listening finds the line in which exporter-toolkit says where it listens:
//
//	time=… level=INFO source=tls_config.go:354 msg="Listening on" address=127.0.0.1:43231
var listening = regexp.MustCompile(`msg="?Listening on"? .*\baddress=(\S+)`)

// A log takes what a program writes, line by line.
type log struct {
	each    func(line string)
	address chan string // gets the first address found

	mu      sync.Mutex
	partial []byte
	lines   []string
	found   bool
}

func newLog(each func(line string)) *log {
	return &log{each: each, address: make(chan string, 1)}
}

func (l *log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, data...)
	for {
		line, rest, complete := bytes.Cut(l.partial, []byte("\n"))
		if !complete {
			return len(data), nil
		}
		l.line(string(line))
		l.partial = rest
	}
}

func (l *log) line(line string) {
	if l.each != nil {
		l.each(line)
	}
	l.lines = append(l.lines, line)
	if extra := len(l.lines) - kept; extra > 0 {
		l.lines = append(l.lines[:0], l.lines[extra:]...)
	}
	if l.found {
		return
	}
	if match := listening.FindStringSubmatch(line); match != nil {
		l.found = true
		l.address <- match[1]
	}
}

// tail returns the last lines.
func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(append(l.lines[:len(l.lines):len(l.lines)], string(l.partial)), "\n")
}
