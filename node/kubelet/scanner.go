package kubelet

import (
	"errors"
	"fmt"
	"io"
)

// A scanner reads JSON from a stream and makes values only of what it is asked
// for: of two megabytes of a summary a few kilobytes are wanted. What is skipped
// is looked at for its brackets and quotes alone.
//
// After the first error every method returns nothing, and err says why.
type scanner struct {
	r        io.Reader
	buf      []byte // buf[pos:end] is read and not yet scanned
	pos, end int
	name     []byte // of the field under way
	err      error
}

func newScanner(r io.Reader) *scanner { return &scanner{r: r, buf: make([]byte, 16<<10)} }

// fail says what is wrong with the field under way.
func (s *scanner) fail(format string, args ...any) {
	if s.err != nil {
		return
	}
	s.err = fmt.Errorf(format, args...)
	if len(s.name) > 0 {
		s.err = fmt.Errorf("%.100s: %w", s.name, s.err)
	}
}

// fill reads more behind what is not yet scanned, which moves to the front.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	s.end = copy(s.buf, s.buf[s.pos:s.end])
	s.pos = 0
	if s.end == len(s.buf) {
		s.fail("longer than %d bytes", len(s.buf))
		return false
	}
	for range 100 { // as often as package bufio lets a reader do nothing
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		switch {
		case n > 0:
			return true // an error comes again
		case errors.Is(err, io.EOF):
			s.err = io.ErrUnexpectedEOF
			return false
		case err != nil:
			s.err = err
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// peek returns the next byte that is not white space, or 0.
func (s *scanner) peek() byte {
	for {
		for ; s.pos < s.end; s.pos++ {
			if c := s.buf[s.pos]; c > ' ' {
				return c
			}
		}
		if !s.fill() {
			return 0
		}
	}
}

// take takes the next byte if it is c.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// object calls field for each field of an object; it must take the value, or skip
// it. A null has no fields.
func (s *scanner) object(field func(name []byte)) {
	s.list('{', '}', func() {
		s.name = append(s.name[:0], s.token()...)
		if !s.take(':') {
			s.fail("no colon behind it")
			return
		}
		field(s.name)
	})
}

// array calls element for each element of an array; it must take the value, or
// skip it. A null has no elements.
func (s *scanner) array(element func()) { s.list('[', ']', element) }

func (s *scanner) list(open, shut byte, member func()) {
	if s.null() {
		return
	}
	if !s.take(open) {
		s.fail("%q where %q is wanted", s.peek(), open)
		return
	}
	if s.take(shut) {
		return
	}
	for s.err == nil {
		member()
		if s.take(shut) {
			return
		}
		if !s.take(',') {
			s.fail("%q where ',' or %q is wanted", s.peek(), shut)
		}
	}
}

// finish makes sure that nothing but white space follows.
func (s *scanner) finish() {
	if s.err != nil {
		return
	}
	if c := s.peek(); c != 0 {
		s.fail("%q behind its end", c)
	}
	if errors.Is(s.err, io.ErrUnexpectedEOF) {
		s.err = nil // here it is expected
	}
}
