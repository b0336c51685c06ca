package remediator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
)

// registerActing adds the commands by which a person tells the program that
// runs what to do.
func registerActing(app *kingpin.Application, s *settings, commands map[string]command) {
	registerRun(app, commands)

	approve := app.Command("approve", "Let the rung of an episode go on that waits for approval, with the plan that show prints and no other.")
	episode := approve.Arg("episode", "ID of the episode, or its signal.").Required().HintAction(s.hint(awaiting)).String()
	plan := approve.Arg("plan", "Hash of the plan, or the first 8 and more of its digits.").Required().HintAction(s.hint(plans)).String()
	approveBy, approveOutput := byFlag(approve), outputFlag(approve)
	commands[approve.FullCommand()] = func(ctx context.Context, s *settings) error {
		return s.approve(ctx, *episode, *plan, *approveBy, *approveOutput)
	}

	cancel := app.Command("cancel", "End an episode that is not over. A rung that is being applied stops between two effects; what is removed stays removed.")
	which := cancel.Arg("case", "ID of the episode, or its signal.").Required().HintAction(s.hint(open)).String()
	cancelBy, cancelOutput := byFlag(cancel), outputFlag(cancel)
	commands[cancel.FullCommand()] = func(ctx context.Context, s *settings) error {
		return s.cancel(ctx, *which, *cancelBy, *cancelOutput)
	}

	pause := app.Command("pause", "Hold every episode. A rung that is being applied stops between two effects.")
	long := pause.Flag("for", "How long, such as 2h; without it until resume.").Duration()
	why := pause.Flag("why", "Reason, for whoever finds it paused.").String()
	pauseBy, pauseOutput := byFlag(pause), outputFlag(pause)
	commands[pause.FullCommand()] = func(ctx context.Context, s *settings) error {
		return s.pause(ctx, *long, *why, *pauseBy, *pauseOutput)
	}

	resume := app.Command("resume", "End a pause.")
	resumeBy, resumeOutput := byFlag(resume), outputFlag(resume)
	commands[resume.FullCommand()] = func(ctx context.Context, s *settings) error {
		return s.resume(ctx, *resumeBy, *resumeOutput)
	}
}

// byFlag adds the flag that says more than the kernel knows about who asks.
func byFlag(c *kingpin.CmdClause) *string {
	return c.Flag("by", "Who you are, for the record; your user and login are on it anyway.").String()
}

// client returns what commands talk to that cannot do without the program.
func (s *settings) client() (*control.Client, error) {
	if s.controlSocket == "" {
		return nil, fmt.Errorf("%w: --control.socket is empty: give the one that the program serves", headroom.ErrInvalid)
	}
	return control.NewClient(s.controlSocket), nil
}

// advised adds to an error what to do about it.
func advised(err error) error {
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return fmt.Errorf("%w: start it (systemctl start headroom-remediator), or give its --control.socket", err)
	case errors.Is(err, control.ErrForbidden):
		return fmt.Errorf("%w: use sudo", err)
	}
	return err
}

func (s *settings) approve(ctx context.Context, which, plan, by, format string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	st, err := c.State(ctx)
	if err != nil {
		return advised(err)
	}
	s.sayDryRun(st.DryRun)
	id := which
	for i := range st.Cases { // a signal stands for its open episode
		if ep := st.Cases[i].Open(); ep != nil && string(st.Cases[i].Signal) == which {
			id = ep.ID
		}
	}
	if err := c.Approve(ctx, id, plan, by); err != nil {
		return advised(err)
	}
	return s.done(ctx, c, format, id, "Approved plan %s of %s.\n", word(plan), word(id))
}

func (s *settings) cancel(ctx context.Context, which, by, format string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.Cancel(ctx, which, by); err != nil {
		return advised(err)
	}
	return s.done(ctx, c, format, which, "Cancelled %s.\n", word(which))
}

// done says what was done, or in JSON how the case stands now.
func (s *settings) done(ctx context.Context, c *control.Client, format, which, sentence string, args ...any) error {
	if format != "json" {
		fmt.Fprintf(s.stdout, sentence, args...)
		return nil
	}
	st, err := c.State(ctx)
	if err != nil {
		return fmt.Errorf("it was done; how it stands now is not known: %w", err)
	}
	found, err := find(st.Cases, which)
	if err != nil {
		return err
	}
	return writeJSON(s.stdout, found)
}

func (s *settings) pause(ctx context.Context, d time.Duration, why, by, format string) error {
	if d < 0 {
		return fmt.Errorf("%w: --for: %s is over already", headroom.ErrInvalid, d)
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	p, err := c.Pause(ctx, d, why, by)
	if err != nil {
		return advised(err)
	}
	if format == "json" {
		return writeJSON(s.stdout, p)
	}
	fmt.Fprintf(s.stdout, "Paused %s: nothing is done.\n", lasting(p))
	return nil
}

func (s *settings) resume(ctx context.Context, by, format string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := c.Resume(ctx, by); err != nil {
		return advised(err)
	}
	if format != "json" {
		fmt.Fprintln(s.stdout, "Resumed.")
		return nil
	}
	st, err := c.State(ctx)
	if err != nil {
		return fmt.Errorf("it was done; how it stands now is not known: %w", err)
	}
	return writeJSON(s.stdout, st.Control)
}

// sayDryRun warns who expects that something is done.
func (s *settings) sayDryRun(dryRun bool) {
	if dryRun {
		fmt.Fprintln(s.stderr, "headroom-remediator: this is a dry run: rungs are planned and none is applied (--no-dry-run of the program that serves changes that)")
	}
}
