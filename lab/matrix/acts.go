package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/nodeheadroom/headroom"
)

// acts asks the remediator what it has done, as an operator does.
func (s *stand) acts(ctx context.Context, began time.Time) ([]act, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd, err := s.node.Command(ctx, s.lab.remediator, append([]string{"list", "-o", "json"}, s.remediatorFlags()...)...)
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, nil, fmt.Errorf("headroom-remediator list: %w", err)
	}
	var cases []headroom.Case
	if err := json.Unmarshal(out, &cases); err != nil {
		return nil, nil, fmt.Errorf("headroom-remediator list: %w", err)
	}
	all, notes := told(cases, began)
	return all, notes, nil
}

// told is what cases say: every rung, and how every episode ended or stands.
func told(cases []headroom.Case, began time.Time) (all []act, notes []string) {
	for _, c := range cases {
		for _, e := range c.Episodes {
			note := fmt.Sprintf("%s: episode %s %s%s %s", c.Signal, e.Phase, e.Outcome, e.Reason, e.Detail)
			notes = append(notes, note)
			for _, r := range e.Rungs {
				a := act{Remedy: r.Remedy, Outcome: string(r.Outcome), At: round(r.Started.Sub(began))}
				if r.Removed != nil {
					a.Bytes, a.Inodes = r.Removed.Bytes, r.Removed.Inodes
				}
				if r.Error != "" {
					notes = append(notes, fmt.Sprintf("%s: %s: %s", c.Signal, r.Remedy, r.Error))
				}
				for _, n := range r.Notes {
					notes = append(notes, fmt.Sprintf("%s: %s: %s", c.Signal, r.Remedy, n))
				}
				all = append(all, a)
			}
		}
	}
	return all, notes
}
