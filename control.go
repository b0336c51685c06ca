package headroom

import "time"

// A Control is what the nodes of one store have in common: whether anything may
// run at all, and who is running. There is one per store, saved like a case
// only over the version that was loaded.
type Control struct {
	Version string   `json:"version,omitempty"` // the store's
	Pause   *Pause   `json:"pause,omitempty"`
	Breaker *Breaker `json:"breaker,omitempty"` // nil is closed
	// Grants are the nodes on which an episode runs: each takes a place in the
	// budget until the node itself gives it back. They are sorted by node.
	Grants []Grant `json:"grants,omitempty"`
	// Void is when the breaker closed last: alerts that had arrived by then
	// count no more.
	Void time.Time `json:"void,omitzero"`
}

// A Pause holds every episode until somebody ends it or its time is over.
type Pause struct {
	By    string    `json:"by"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero is until it is ended
}

// Holds reports whether p holds at that moment; a nil one never does.
func (p *Pause) Holds(now time.Time) bool {
	return p != nil && (p.Until.IsZero() || now.Before(p.Until))
}

// A Breaker that is open holds every episode: so many nodes alerted within a
// short time that a broken rule or exporter is likelier than as many full disks.
type Breaker struct {
	Opened time.Time `json:"opened"`
	Until  time.Time `json:"until"` // when it closes unless the storm goes on
	Nodes  int       `json:"nodes"` // that had alerted when it opened
}

// A Grant is one node's place in the budget.
type Grant struct {
	Node  string    `json:"node"`
	Since time.Time `json:"since"`
}
