package control

import (
	"context"
	"fmt"
	"net/http"
	"time"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// minPlan is how much of a plan's hash must be given to approve it.
const minPlan = 8

// nothing is the answer to what is done and has nothing to tell.
type nothing struct{}

func (s *Server) state(ctx context.Context, _ *http.Request) (State, error) {
	cases, err := s.Engine.Cases(ctx)
	if err != nil {
		return State{}, err
	}
	control, err := s.Engine.Control(ctx)
	if err != nil {
		return State{}, err
	}
	return State{Node: s.Node, DryRun: s.DryRun, Control: control, Cases: cases}, nil
}

func (s *Server) plan(ctx context.Context, r *http.Request) (engine.Planned, error) {
	signal, err := parseSignal(r.URL.Query().Get("signal"))
	if err != nil {
		return engine.Planned{}, err
	}
	return s.Engine.Plan(ctx, signal, r.URL.Query().Get("stage"))
}

func (s *Server) run(ctx context.Context, r *http.Request) (Asked, error) {
	o, by, err := read(r)
	if err != nil {
		return Asked{}, err
	}
	signal, err := parseSignal(o.Signal)
	if err != nil {
		return Asked{}, err
	}
	request, err := s.Engine.Ask(ctx, signal, by)
	if err != nil {
		return Asked{}, err
	}
	return Asked{Request: request, DryRun: s.DryRun}, nil
}

func (s *Server) approve(ctx context.Context, r *http.Request) (nothing, error) {
	o, by, err := read(r)
	if err != nil {
		return nothing{}, err
	}
	if len(o.Plan) < minPlan {
		return nothing{}, fmt.Errorf("plan %q: %w: at least %d digits of the plan's hash, as show prints it", o.Plan, headroom.ErrInvalid, minPlan)
	}
	if err := s.Engine.Approve(ctx, o.Episode, o.Plan, by); err != nil {
		return nothing{}, err
	}
	return nothing{}, nil
}

func (s *Server) cancel(ctx context.Context, r *http.Request) (nothing, error) {
	o, by, err := read(r)
	if err != nil {
		return nothing{}, err
	}
	if err := s.Engine.Cancel(ctx, o.Which, by); err != nil {
		return nothing{}, err
	}
	return nothing{}, nil
}

func (s *Server) pause(ctx context.Context, r *http.Request) (headroom.Pause, error) {
	o, by, err := read(r)
	if err != nil {
		return headroom.Pause{}, err
	}
	p := headroom.Pause{By: by, Why: o.Why, Since: time.Now()}
	if o.For != "" {
		d, err := time.ParseDuration(o.For)
		if err != nil || d <= 0 {
			return headroom.Pause{}, fmt.Errorf("--for: %w: %q is no time to come, such as 2h", headroom.ErrInvalid, o.For)
		}
		p.Until = p.Since.Add(d)
	}
	if err := s.Engine.Pause(ctx, p); err != nil {
		return headroom.Pause{}, err
	}
	return p, nil
}

func (s *Server) resume(ctx context.Context, r *http.Request) (nothing, error) {
	_, by, err := read(r)
	if err != nil {
		return nothing{}, err
	}
	if err := s.Engine.Resume(ctx, by); err != nil {
		return nothing{}, err
	}
	return nothing{}, nil
}

func parseSignal(name string) (headroom.Signal, error) {
	signal, err := headroom.ParseSignal(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", headroom.ErrInvalid, err)
	}
	return signal, nil
}
