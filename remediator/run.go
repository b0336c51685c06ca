package remediator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
)

// pollInterval is how often run looks how its episode stands.
const pollInterval = 200 * time.Millisecond

func registerRun(app *kingpin.Application, commands map[string]command) {
	run := app.Command("run", "Ask for an episode now, whether or not headroom is below the start. Every gate holds.")
	signal := run.Arg("signal", "Eviction signal, such as nodefs.available.").Required().HintOptions(signalNames()...).String()
	wait := run.Flag("wait", "Say how it goes until it is over, or waits for somebody.").Default("true").Bool()
	timeout := run.Flag("timeout", "How long to wait; the episode goes on.").Default("10m").Duration()
	runBy, runOutput := byFlag(run), outputFlag(run)
	commands[run.FullCommand()] = func(ctx context.Context, s *settings) error {
		return s.run(ctx, *signal, *runBy, *wait, *timeout, *runOutput)
	}
}

// A notOver error says that an episode goes on while nobody watches it.
type notOver struct{ why string }

func (e *notOver) Error() string { return e.why }

// exitStatus is what the program exits with for an error of a command.
func exitStatus(err error) int {
	if _, ok := errors.AsType[*notOver](err); ok {
		return control.ExitNotOver
	}
	return control.ExitStatus(err)
}

func (s *settings) run(ctx context.Context, name, by string, wait bool, timeout time.Duration, format string) error {
	signal, err := parseSignal(name)
	if err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	asked, err := c.Run(ctx, signal, by)
	if err != nil {
		return advised(err)
	}
	s.sayDryRun(asked.DryRun)
	if !wait {
		if format == "json" {
			return writeJSON(s.stdout, asked.Request)
		}
		fmt.Fprintf(s.stdout, "Asked. `headroom-remediator show %s` says how it goes.\n", signal)
		return nil
	}
	progress := s.stdout
	if format == "json" {
		progress = s.stderr
	}
	ep, err := follow(ctx, c, asked.Request, timeout, progress)
	if ep != nil && format == "json" {
		err = errors.Join(writeJSON(s.stdout, ep), err)
	}
	return err
}

// follow says how the episode that answers a request goes, until it is over or
// somebody has to do something first, and returns it as it was then. The error
// is nil if it ended well.
func follow(ctx context.Context, c *control.Client, r headroom.Request, timeout time.Duration, w io.Writer) (*headroom.Episode, error) {
	watched, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	told := progress{w: w, unit: r.Signal.Unit()}
	var ep *headroom.Episode
	for {
		st, err := c.State(watched)
		if err == nil {
			var answered bool
			if ep, answered = answering(st.Cases, r); ep != nil {
				told.tell(ep)
			}
			if done, err := verdict(ep, answered); done {
				return ep, err
			}
		} else if watched.Err() == nil {
			return ep, fmt.Errorf("%w: how it ended is not known; show says it when the program runs again", err)
		}
		select {
		case <-watched.Done():
			return ep, &notOver{fmt.Sprintf("%s is not over: it goes on, and `headroom-remediator show %s` says how", r.Signal, r.Signal)}
		case <-time.After(pollInterval):
		}
	}
}

// answering finds the episode that answers a request: the one it began, or the
// open one that it found. Once a newer request has taken its place the last
// episode is as good an answer. answered without an episode is that there was
// no need of one.
func answering(cases []headroom.Case, r headroom.Request) (ep *headroom.Episode, answered bool) {
	i := slices.IndexFunc(cases, func(c headroom.Case) bool { return c.Signal == r.Signal && c.Node == r.Node })
	if i < 0 {
		return nil, false
	}
	c := &cases[i]
	for j := range c.Episodes {
		if c.Episodes[j].Request.ID == r.ID {
			return &c.Episodes[j], true
		}
	}
	if asked := c.Unheeded(); asked != nil && asked.ID == r.ID {
		return c.Open(), false
	}
	if last := c.Last(); last != nil && (last.Phase != headroom.Over || last.Ended.After(r.Received)) {
		return last, true
	}
	return nil, true
}

// passing are reasons that need nobody and end soon: they are waited for.
var passing = []headroom.Reason{headroom.Watching, headroom.SharedDisk, headroom.CannotTell}

// verdict reports whether there is nothing more to wait for, and with which
// error.
func verdict(ep *headroom.Episode, answered bool) (done bool, err error) {
	switch {
	case ep == nil:
		return answered, nil
	case ep.Phase == headroom.Waiting && !slices.Contains(passing, ep.Reason):
		return true, &notOver{fmt.Sprintf("episode %s waits (%s); `headroom-remediator show %s` says for what", ep.ID, ep.Reason, ep.ID)}
	case ep.Phase != headroom.Over:
		return false, nil
	}
	switch ep.Outcome {
	case headroom.Succeeded, headroom.NotNeeded, headroom.Planned:
		return true, nil
	}
	return true, fmt.Errorf("episode %s: %s", ep.ID, ep.Outcome)
}

// progress says what it has not said before.
type progress struct {
	w       io.Writer
	unit    headroom.Unit
	episode string // its ID
	waiting string
	rungs   int  // that have been told to their end
	begun   bool // the next one has been told to begin
}

func (p *progress) tell(ep *headroom.Episode) {
	if p.episode != ep.ID {
		*p = progress{w: p.w, unit: p.unit, episode: ep.ID}
		fmt.Fprintf(p.w, "Episode %s\n", ep.ID)
	}
	for ; p.rungs < len(ep.Rungs); p.rungs++ {
		r := ep.Rungs[p.rungs]
		if r.Outcome == "" {
			if !p.begun {
				fmt.Fprintf(p.w, "  rung %d %s: being applied\n", r.Step+1, r.Remedy)
			}
			p.begun = true
			break
		}
		p.begun = false
		fmt.Fprintf(p.w, "  %s\n", rungLine(p.unit, r))
	}
	waiting := ""
	if ep.Phase == headroom.Waiting && ep.Detail != "" {
		waiting = fmt.Sprintf("  waits (%s): %s\n", ep.Reason, plain(ep.Detail))
		if ep.Lift != "" {
			waiting += fmt.Sprintf("  what lifts it: %s\n", plain(ep.Lift))
		}
	}
	if waiting != p.waiting {
		fmt.Fprint(p.w, waiting)
		writeApproval(p.w, ep)
		p.waiting = waiting
	}
	if ep.Phase == headroom.Over {
		fmt.Fprintf(p.w, "%s\n", ending(ep))
	}
}

// ending is an outcome in one line.
func ending(ep *headroom.Episode) string {
	line := string(ep.Outcome)
	if h := headroomOf(ep); h != "" {
		line += ", headroom " + h
	}
	if ep.Detail != "" {
		line += ": " + plain(ep.Detail)
	}
	return line
}
