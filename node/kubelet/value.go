package kubelet

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// null takes a null, which is the same as nothing.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	if word := s.scalar(); string(word) != "null" {
		s.fail("unexpected %.40q", word)
	}
	return true
}

// text takes a string. A null is an empty one.
func (s *scanner) text() string {
	if s.null() {
		return ""
	}
	return string(s.token())
}

// moment takes a time as Kubernetes writes it. A null is the zero time.
func (s *scanner) moment() time.Time {
	text := s.text()
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.fail("%.40q is not a time", text)
	}
	return t
}

// token takes a string and returns it without its quotes and escapes, good until
// the next call of any method.
func (s *scanner) token() []byte {
	if s.peek() != '"' {
		s.fail("%q where a string is wanted", s.peek())
		return nil
	}
	plain := true
	for i := s.pos + 1; ; i++ {
		for i >= s.end {
			seen := i - s.pos
			if !s.fill() {
				return nil
			}
			i = s.pos + seen
		}
		switch c := s.buf[i]; {
		case c == '"':
			quoted := s.buf[s.pos : i+1]
			s.pos = i + 1
			if plain {
				return quoted[1 : len(quoted)-1]
			}
			return s.unquote(quoted)
		case c == '\\':
			plain = false
			i++
		case c < ' ' || c >= 0x80: // refused, and perhaps no UTF-8
			plain = false
		}
	}
}

func (s *scanner) unquote(quoted []byte) []byte {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		s.fail("%.40q is not a string", quoted)
	}
	return []byte(text)
}

// figure takes a whole number that is not negative. A null is none.
func (s *scanner) figure() figure {
	if s.null() {
		return figure{}
	}
	word := s.scalar()
	n, err := strconv.ParseUint(string(word), 10, 64)
	if err != nil {
		s.fail("%.40q is not a whole number from 0 to %d", s.wrong(word), uint64(math.MaxUint64))
		return figure{}
	}
	return figure{n, true}
}

// signed takes a whole number. A null is none.
func (s *scanner) signed() (n int64, known bool) {
	if s.null() {
		return 0, false
	}
	word := s.scalar()
	n, err := strconv.ParseInt(string(word), 10, 64)
	if err != nil {
		s.fail("%.40q is not a whole number from %d to %d", s.wrong(word), int64(math.MinInt64), int64(math.MaxInt64))
		return 0, false
	}
	return n, true
}

// wrong returns what stands where a number is wanted, if only its first byte.
func (s *scanner) wrong(word []byte) []byte {
	if len(word) > 0 {
		return word
	}
	return []byte{s.peek()}
}

// scalar takes a number or a word, and returns it good until the next call.
func (s *scanner) scalar() []byte {
	s.peek()
	for i := s.pos; ; i++ {
		for i >= s.end {
			seen := i - s.pos
			if !s.fill() {
				return nil
			}
			i = s.pos + seen
		}
		switch c := s.buf[i]; c {
		case ' ', '\t', '\r', '\n', ',', ']', '}', ':', '[', '{', '"':
			word := s.buf[s.pos:i]
			s.pos = i
			return word
		}
	}
}
