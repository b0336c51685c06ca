package journal

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nodeheadroom/headroom"
)

// A key is what at most one entry lives under.
type key struct {
	kind   string // request, asked, case or control
	node   string // this and what follows are empty for the control
	signal headroom.Signal
}

// controlKey is the only one of its kind.
var controlKey = key{kind: "control"}

func (k key) String() string {
	if k == controlKey {
		return k.kind
	}
	return k.kind + " " + k.node + "/" + string(k.signal)
}

func (k key) compare(l key) int {
	return cmp.Or(cmp.Compare(k.node, l.node), cmp.Compare(k.signal, l.signal), cmp.Compare(k.kind, l.kind))
}

// An entry is one request, one case or the control as it is stored.
type entry struct {
	key     key
	version string // of a case or the control
	raw     []byte // a wire value in JSON; never changed
}

// wire is an entry's JSON; one field is set.
type wire struct {
	Request *headroom.Request `json:"request,omitempty"`
	Case    *headroom.Case    `json:"case,omitempty"`
	Control *headroom.Control `json:"control,omitempty"`
}

func requestEntry(r headroom.Request) (entry, error) {
	return newEntry(requestKey(r), "", wire{Request: &r})
}

// requestKey keeps what a person asks for apart from alerts.
func requestKey(r headroom.Request) key {
	if r.By != "" {
		return key{"asked", r.Node, r.Signal}
	}
	return key{"request", r.Node, r.Signal}
}

// caseEntry stores c under version, without its requests, which have entries of
// their own.
func caseEntry(c headroom.Case, version string) (entry, error) {
	c.Request, c.Asked, c.Version = nil, nil, version
	return newEntry(key{"case", c.Node, c.Signal}, version, wire{Case: &c})
}

func controlEntry(c headroom.Control, version string) (entry, error) {
	c.Version = version
	return newEntry(controlKey, version, wire{Control: &c})
}

func newEntry(k key, version string, w wire) (entry, error) {
	if k != controlKey && (k.node == "" || k.signal == "") {
		return entry{}, fmt.Errorf("%s %q/%q: node and signal must be set", k.kind, k.node, k.signal)
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return entry{}, fmt.Errorf("%s: %w", k, err)
	}
	return entry{key: k, version: version, raw: raw}, nil
}

// parseEntries reads the payload of a record.
func parseEntries(payload []byte) ([]entry, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(payload, &raws); err != nil {
		return nil, err
	}
	es := make([]entry, 0, len(raws))
	for _, raw := range raws {
		w, err := decode(raw)
		if err != nil {
			return nil, err
		}
		e := entry{raw: raw}
		switch {
		case w.Request != nil:
			e.key = requestKey(*w.Request)
		case w.Case != nil:
			e.key, e.version = key{"case", w.Case.Node, w.Case.Signal}, w.Case.Version
		case w.Control != nil:
			e.key, e.version = controlKey, w.Control.Version
		}
		es = append(es, e)
	}
	return es, nil
}

func decode(raw []byte) (w wire, err error) {
	if err := json.Unmarshal(raw, &w); err != nil {
		return w, err
	}
	n := 0
	for _, there := range []bool{w.Request != nil, w.Case != nil, w.Control != nil} {
		if there {
			n++
		}
	}
	if n != 1 {
		return w, errors.New("entry is not one request, one case or one control")
	}
	return w, nil
}

// size is what e takes of a payload, with its comma.
func (e entry) size() int64 { return int64(len(e.raw)) + 1 }

// recordSize returns how much of the file a record of es takes.
func recordSize(es []entry) int64 {
	n := int64(recordHeader + len("[]"))
	for _, e := range es {
		n += e.size()
	}
	return blocks(n)
}

// appendPayload appends the JSON array of es.
func appendPayload(b []byte, es []entry) []byte {
	b = append(b, '[')
	for i, e := range es {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.raw...)
	}
	return append(b, ']')
}
