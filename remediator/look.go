package remediator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
	"github.com/nodeheadroom/headroom/remediator/store/journal"
)

// asks reports whether a command that only looks asks the program that runs
// here. One that is told which file to look at, and not which socket, looks
// there.
func (s *settings) asks(fileGiven bool) bool {
	return s.controlSocket != "" && (s.socketGiven || !fileGiven)
}

// alone reports whether the program could not be asked, so that the command has
// to look by itself, and says so.
func (s *settings) alone(err error, instead string) bool {
	if !errors.Is(err, control.ErrNotRunning) && !errors.Is(err, control.ErrForbidden) {
		return false
	}
	fmt.Fprintf(s.stderr, "headroom-remediator: %v: %s\n", err, instead)
	return true
}

// state is what the program that runs says, or what the journal does.
func (s *settings) state(ctx context.Context) (control.State, error) {
	if s.asks(s.journalGiven) {
		st, err := control.NewClient(s.controlSocket).State(ctx)
		if !s.alone(err, "reading "+s.journalFile) {
			return st, err
		}
	}
	cases, err := s.cases()
	return control.State{Node: s.nodeName, Cases: cases}, err
}

// cases reads the journal beside the program that writes it. Of a damaged one
// it shows what can be read, and says so on stderr.
func (s *settings) cases() ([]headroom.Case, error) {
	cases, err := journal.ReadWithFallback(s.journalFile, s.journalFallback)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no journal yet (has headroom-remediator run here, with this --journal.file?): %w", err)
	case err != nil && len(cases) == 0:
		return nil, err
	case err != nil:
		fmt.Fprintf(s.stderr, "headroom-remediator: %v\n", err)
	}
	return cases, nil
}

// find returns the case of a signal, or the one with an episode of that ID and
// nothing but it.
func find(cases []headroom.Case, which string) (headroom.Case, error) {
	for _, c := range cases {
		if string(c.Signal) == which {
			return c, nil
		}
		for _, ep := range c.Episodes {
			if ep.ID == which {
				c.Episodes = []headroom.Episode{ep}
				return c, nil
			}
		}
	}
	if len(cases) == 0 {
		return headroom.Case{}, fmt.Errorf("%w: %q: there are no cases yet", headroom.ErrNotFound, which)
	}
	return headroom.Case{}, fmt.Errorf("%w: %q is neither a signal with a case nor an episode (list has them)", headroom.ErrNotFound, which)
}
