package engine

import "time"

// A storm counts the nodes that alerts have named within a time, as far as it
// matters whether they are many: it remembers the latest most of them and no
// more, so that its memory does not grow with the storm.
type storm struct {
	within time.Duration
	most   int
	last   map[string]time.Time // by node
}

// note takes an alert of a node.
func (s *storm) note(node string, now time.Time) {
	if s.last == nil {
		s.last = make(map[string]time.Time, s.most)
	}
	if _, known := s.last[node]; !known && len(s.last) >= s.most {
		s.forget(now)
	}
	s.last[node] = now
}

// forget makes room for one node: what is too old goes, and else the one that
// alerted longest ago, which changes nothing about whether most did.
func (s *storm) forget(now time.Time) {
	oldest := ""
	for node, at := range s.last {
		if now.Sub(at) > s.within {
			delete(s.last, node)
		} else if oldest == "" || at.Before(s.last[oldest]) {
			oldest = node
		}
	}
	if len(s.last) >= s.most {
		delete(s.last, oldest)
	}
}

// count returns how many nodes have alerted lately, of which it knows most.
func (s *storm) count(now time.Time) int {
	for node, at := range s.last {
		if now.Sub(at) > s.within {
			delete(s.last, node)
		}
	}
	return len(s.last)
}
