// Package control is how a person on the node talks to the program that runs
// there: HTTP/1.1 with JSON over a Unix socket that only root can reach. Listen
// makes the socket, Serve answers on it, and a Client asks.
//
//	GET  /v1/state                   the cases, and what holds all of them
//	GET  /v1/plan?signal=S&stage=T   what would be done now; changes nothing
//	POST /v1/run                     {"signal", "by"}
//	POST /v1/approve                 {"episode", "plan", "by"}
//	POST /v1/cancel                  {"which", "by"}
//	POST /v1/pause                   {"why", "for", "by"}
//	POST /v1/resume                  {"by"}
//
// The protocol is between a program and the same version of itself; scripts use
// the commands with -o json.
package control

import (
	"context"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// An Engine is what is controlled. All methods may be called from many
// goroutines. Errors wrap headroom.ErrNotFound, ErrInvalid or ErrConflict where
// they are of these kinds. By names the person who asks, for the record.
type Engine interface {
	// Plan says what would be done about a signal now, and changes nothing.
	Plan(ctx context.Context, signal headroom.Signal, stage string) (engine.Planned, error)
	// Ask asks for an episode that does not wait for its start to be crossed;
	// every gate holds. It returns the request once that is durable.
	Ask(ctx context.Context, signal headroom.Signal, by string) (headroom.Request, error)
	// Approve lets the rung of an episode go on that waits for it. plan is the
	// hash of the pending plan, or the beginning of it.
	Approve(ctx context.Context, episode, plan, by string) error
	// Cancel ends the open episode of that ID, or of that signal.
	Cancel(ctx context.Context, which, by string) error
	Pause(ctx context.Context, p headroom.Pause) error
	Resume(ctx context.Context, by string) error
	// Cases returns all cases of the node, Control what holds all of them.
	Cases(ctx context.Context) ([]headroom.Case, error)
	Control(ctx context.Context) (headroom.Control, error)
}

// A State is all there is to see.
type State struct {
	Node    string           `json:"node"`
	DryRun  bool             `json:"dryRun"`
	Control headroom.Control `json:"control"`
	Cases   []headroom.Case  `json:"cases"`
}

// An Asked is the answer to Run.
type Asked struct {
	Request headroom.Request `json:"request"`
	DryRun  bool             `json:"dryRun"`
}

// An order is the body of what changes something; each route reads what it
// needs of it.
type order struct {
	Signal  string `json:"signal,omitempty"`
	Episode string `json:"episode,omitempty"`
	Plan    string `json:"plan,omitempty"`
	Which   string `json:"which,omitempty"`
	Why     string `json:"why,omitempty"`
	For     string `json:"for,omitempty"` // a duration; empty is until somebody resumes
	By      string `json:"by,omitempty"`  // what the person says who they are
}
