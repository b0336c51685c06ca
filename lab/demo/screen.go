package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nodeheadroom/headroom/lab/terminal"
)

// A colour is a terminal's.
type colour string

const (
	plain  colour = ""
	dim    colour = "2"
	bold   colour = "1"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
)

// every is how often the gauge is told where nobody can see it move.
const every = 10 * time.Second

// A screen shows what happens, line by line, and below that, where there is a
// terminal, the gauge as it moves. It is safe for concurrent use.
type screen struct {
	out    io.Writer
	live   bool
	width  int
	colour bool

	mu    sync.Mutex
	drawn int // lines of the moving part that stand on the terminal
	told  time.Duration
	last  frame
}

// A frame is the moving part.
type frame struct {
	gauge gauge
	at    time.Duration
	doing string
}

func newScreen(out io.Writer) *screen {
	width, live := terminal.Width(out)
	if !live {
		width = 80
	}
	return &screen{out: out, live: live, width: min(width, 100), colour: live && os.Getenv("NO_COLOR") == ""}
}

// textAt is the column in which an event's text begins.
const textAt = 27

// event shows one line that stays: when, what, and more about it.
func (s *screen) event(at time.Duration, c colour, what, text string) {
	head := fmt.Sprintf("%6.1f s  %-16s ", at.Seconds(), what)
	body := text
	if s.live {
		body = strings.Join(wrap(text, s.width-textAt-1), "\n"+strings.Repeat(" ", textAt))
	}
	if c == dim {
		s.print(s.paint(dim, head+body))
		return
	}
	s.print(fmt.Sprintf("%6.1f s  %s %s", at.Seconds(), s.paint(c, fmt.Sprintf("%-16s", what)), body))
}

// print shows lines that stay.
func (s *screen) print(lines string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	s.erase(&b)
	b.WriteString(lines + "\n")
	if s.live && s.last.gauge.capacity > 0 {
		s.draw(&b, s.last)
	}
	io.WriteString(s.out, b.String())
}

// show moves the gauge.
func (s *screen) show(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = f
	var b strings.Builder
	switch {
	case s.live:
		s.erase(&b)
		s.draw(&b, f)
	case f.gauge.threshold == 0:
		return
	case s.told == 0: // the line that says it is known comes first
		s.told = f.at
	case f.at-s.told >= every:
		s.told = f.at
		fmt.Fprintf(&b, "%6.1f s  %-16s %s\n", f.at.Seconds(), "level", f.gauge.numbers())
	}
	io.WriteString(s.out, b.String())
}

// close takes the moving part away.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	s.erase(&b)
	s.last = frame{}
	io.WriteString(s.out, b.String())
}

func (s *screen) erase(b *strings.Builder) {
	if s.drawn > 0 {
		fmt.Fprintf(b, "\033[%dA\r\033[J", s.drawn)
	}
	s.drawn = 0
}

func (s *screen) draw(b *strings.Builder, f frame) {
	width := s.width - 2
	used, free, kept := f.gauge.bar(width)
	state := green
	switch ratio := f.gauge.ratio(f.gauge.headroom()); {
	case ratio < f.gauge.start:
		state = red
	case ratio < f.gauge.target:
		state = yellow
	}
	clock := fmt.Sprintf("%.0f s", f.at.Seconds())
	lines := []string{
		"",
		s.paint(bold, f.gauge.signal) + strings.Repeat(" ", max(width-len(f.gauge.signal)-len(clock), 1)) + clock,
		s.paint(state, used) + s.paint(dim, free) + s.paint(red, kept),
		s.paint(dim, f.gauge.ruler(width)),
		f.gauge.numbers(),
		s.paint(dim, cut(f.doing, width)),
	}
	for _, line := range lines {
		b.WriteString(strings.TrimRight(" "+line, " ") + "\n")
	}
	s.drawn = len(lines)
}

func (s *screen) paint(c colour, text string) string {
	if !s.colour || c == plain || text == "" {
		return text
	}
	return "\033[" + string(c) + "m" + text + "\033[0m"
}

// cut shortens text to so many columns.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}

// wrap breaks text between words into lines of at most width columns. A longer
// word gets a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
