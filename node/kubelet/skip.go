package kubelet

// skip takes any value and makes nothing of it.
func (s *scanner) skip() {
	switch c := s.peek(); c {
	case '{', '[':
		s.skipNested()
	case '"':
		s.pos++
		s.skipString()
	default:
		if len(s.scalar()) == 0 {
			s.fail("%q where a value is wanted", c)
		}
	}
}

// skipNested counts brackets instead of calling itself: depth costs nothing.
func (s *scanner) skipNested() {
	depth := 0
scan:
	for {
		for i, c := range s.buf[s.pos:s.end] {
			switch c {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					s.pos += i + 1
					return
				}
			case '"':
				s.pos += i + 1
				s.skipString()
				continue scan
			}
		}
		s.pos = s.end
		if !s.fill() {
			return
		}
	}
}

// skipString takes a string behind its first quote.
func (s *scanner) skipString() {
	escaped := false
	for {
		for i, c := range s.buf[s.pos:s.end] {
			switch {
			case escaped:
				escaped = false
			case c == '"':
				s.pos += i + 1
				return
			case c == '\\':
				escaped = true
			}
		}
		s.pos = s.end
		if !s.fill() {
			return
		}
	}
}
