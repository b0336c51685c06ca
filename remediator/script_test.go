package remediator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// Whole sessions of a person with the program, in testdata/script. What is asked
// is this program, as a person starts it; what answers is the same program
// (start), or, for states that take hours and other nodes to come about, a
// server of its socket with an engine that plays what the script says (engine).
func TestSessions(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("sessions %v, %v", files, err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[session{}] = &session{machine: newMachine(t)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// ! is any failure, without it there must be none.
			"headroom-remediator": func(ts *testscript.TestScript, fails bool, args []string) {
				want := 0
				if fails {
					want = -1
				}
				of(ts).run(ts, want, args)
			},
			// status N ARGS runs the program and wants it to exit with N.
			"status": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				of(ts).run(ts, want, args[2:])
			},
			// interrupt N ARGS is the same with a ^C once it has seen N states.
			"interrupt": func(ts *testscript.TestScript, _ bool, args []string) {
				s := of(ts)
				looks, err := strconv.Atoi(args[0])
				ts.Check(err)
				ctx, stop := context.WithCancel(context.Background())
				s.played.seen = func(n int) {
					if n == looks {
						stop()
					}
				}
				s.ctx = ctx
				s.run(ts, control.ExitNotOver, args[2:])
				s.ctx = nil
			},
			// full leaves the node nearly without room.
			"full": func(ts *testscript.TestScript, _ bool, _ []string) { of(ts).full() },
			// opt-out WHY leaves the file that says so, opt-in takes it away.
			"opt-out": func(ts *testscript.TestScript, _ bool, args []string) {
				of(ts).write("opt-out", args[0]+"\n", 0o644)
			},
			"opt-in": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(os.Remove(of(ts).path("opt-out")))
			},
			// policy FILE replaces the usual policy.
			"policy": func(ts *testscript.TestScript, _ bool, args []string) {
				of(ts).write("policy.yaml", ts.ReadFile(args[0]), 0o644)
			},
			// approve-pending SIGNAL FLAGS types the command that show prints.
			"approve-pending": func(ts *testscript.TestScript, _ bool, args []string) {
				s := of(ts)
				var out bytes.Buffer
				if status := Main(context.Background(), s.args("show", args[0]), &out, io.Discard); status != 0 {
					ts.Fatalf("show ends with status %d", status)
				}
				_, command, ok := strings.Cut(out.String(), "It waits for: headroom-remediator ")
				if !ok {
					ts.Fatalf("show says nothing to type:\n%s", out.String())
				}
				command, _, _ = strings.Cut(command, "\n")
				s.run(ts, 0, append(strings.Fields(command), args[1:]...))
			},
			// start FLAGS starts the program, quit ends it.
			"start": func(ts *testscript.TestScript, _ bool, args []string) {
				s := of(ts)
				s.program = s.start(args...)
			},
			"quit": func(ts *testscript.TestScript, _ bool, _ []string) {
				if status := of(ts).program.stop(); status != 0 {
					ts.Fatalf("it stopped with status %d", status)
				}
			},
			// alert SIGNAL posts an alert, over SIGNAL waits for the verdict.
			"alert": func(ts *testscript.TestScript, _ bool, args []string) {
				if got := of(ts).program.post(alerts(headroom.Signal(args[0]))); got != 202 {
					ts.Fatalf("the webhook answered %d", got)
				}
			},
			"over": func(ts *testscript.TestScript, _ bool, args []string) {
				of(ts).over(headroom.Signal(args[0]))
			},
			// opened SIGNAL waits until an episode of it is open.
			"opened": func(ts *testscript.TestScript, _ bool, args []string) {
				s := of(ts)
				until(s.t, "an episode is open", s.program.stderr.String, func() bool {
					c, err := find(s.list(), args[0])
					return err == nil && c.Open() != nil
				})
			},
			// engine STATE PLAY serves the socket with the state of the one file and,
			// once somebody asks it to run, the episodes of the other, one a look.
			"engine": func(ts *testscript.TestScript, _ bool, args []string) {
				s := of(ts)
				s.played = &played{}
				ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &s.played.State))
				if len(args) > 1 {
					ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &s.played.play))
				}
				ts.Defer(s.serve(ts))
			},
			// documented wants the last command and what it printed in docs/cli.md.
			"documented": func(ts *testscript.TestScript, _ bool, _ []string) {
				s := of(ts)
				manual, err := os.ReadFile("../docs/cli.md")
				ts.Check(err)
				text := s.scrub(regexp.MustCompile(`(?m)^    `).ReplaceAllString(string(manual), ""))
				if !strings.Contains(text, "\n"+s.transcript) {
					ts.Fatalf("docs/cli.md does not have this:\n%s", s.transcript)
				}
			},
			// asked PATTERN says what the engine must have been told last.
			"asked": func(ts *testscript.TestScript, _ bool, args []string) {
				p := of(ts).played
				p.mu.Lock()
				defer p.mu.Unlock()
				if !regexp.MustCompile("^" + args[0] + "$").MatchString(p.asked) {
					ts.Fatalf("the engine was told: %s", p.asked)
				}
			},
		},
	})
}

// A session is one script's.
type session struct {
	*machine
	program *program
	played  *played
	ctx     context.Context // of the next command, if not nil

	transcript string // the last command and what it printed
}

func of(ts *testscript.TestScript) *session { return ts.Value(session{}).(*session) }

// run runs the program and wants it to exit with want, or with anything but 0 if
// that is negative.
func (s *session) run(ts *testscript.TestScript, want int, args []string) {
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if s.ctx != nil {
		ctx = s.ctx
	}
	status := Main(ctx, s.args(args...), &out, &errs)
	fmt.Fprint(ts.Stdout(), s.scrub(out.String()))
	fmt.Fprint(ts.Stderr(), s.scrub(errs.String()))
	// In the manual the disk is the usual one.
	s.transcript = s.scrub("$ headroom-remediator " + strings.Join(args, " ") + "\n" +
		strings.ReplaceAll(out.String()+errs.String(), s.disk, "/var/log"))
	if status != want && (want >= 0 || status == 0) {
		ts.Fatalf("exit status %d, want %d:\n%s%s", status, want, out.String(), errs.String())
	}
}

func (s *session) serve(ts *testscript.TestScript) (stop func()) {
	l, err := control.Listen(s.path("socket"))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	server := &control.Server{Engine: s.played, Node: s.played.Node, DryRun: s.played.DryRun, Logger: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	wg.Go(func() { ts.Check(server.Serve(ctx, l)) })
	return func() { cancel(); wg.Wait() }
}

// A played engine has no node: it is for what the one that has will not do
// while a test waits, and keeps only as much as shows that it was asked.
type played struct {
	mu sync.Mutex
	control.State
	play  []headroom.Episode
	asked string
	looks int
	seen  func(looks int)
}

func (p *played) told(format string, args ...any) { p.asked = fmt.Sprintf(format, args...) }

func (p *played) open(which string) (*headroom.Case, error) {
	for i := range p.State.Cases {
		c := &p.State.Cases[i]
		if ep := c.Open(); ep != nil && (ep.ID == which || string(c.Signal) == which) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: no open episode %q", headroom.ErrNotFound, which)
}

func (p *played) Plan(context.Context, headroom.Signal, string) (engine.Planned, error) {
	return engine.Planned{}, fmt.Errorf("%w: nothing to plan", headroom.ErrNotFound)
}

func (p *played) Ask(_ context.Context, s headroom.Signal, by string) (headroom.Request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told("ask %s by %s", s, by)
	r := headroom.Request{ID: "asked-1", Node: p.Node, Signal: s}
	p.State.Cases = []headroom.Case{{Node: p.Node, Signal: s, Request: &r}}
	return r, nil
}

func (p *played) Approve(_ context.Context, episode, plan, by string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told("approve %s %s by %s", episode, plan, by)
	c, err := p.open(episode)
	if err != nil {
		return err
	}
	ep := c.Open()
	if ep.Pending == nil || !strings.HasPrefix(ep.Pending.Plan, plan) {
		return fmt.Errorf("%w: the plan is another by now", headroom.ErrConflict)
	}
	ep.Phase, ep.Pending = headroom.Running, nil
	return nil
}

func (p *played) Cancel(_ context.Context, which, by string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told("cancel %s by %s", which, by)
	c, err := p.open(which)
	if err != nil {
		return err
	}
	ep := c.Open()
	ep.Phase, ep.Outcome, ep.Detail = headroom.Over, headroom.Cancelled, "by "+by
	return nil
}

func (p *played) Pause(_ context.Context, pause headroom.Pause) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told("pause by %s: %s", pause.By, pause.Why)
	p.State.Control.Pause = &pause
	return nil
}

func (p *played) Resume(_ context.Context, by string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told("resume by %s", by)
	if p.State.Control.Pause == nil {
		return fmt.Errorf("%w: it is not paused", headroom.ErrNotFound)
	}
	p.State.Control.Pause = nil
	return nil
}

func (p *played) Cases(context.Context) ([]headroom.Case, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks++
	if p.seen != nil {
		p.seen(p.looks)
	}
	if len(p.play) > 0 && strings.HasPrefix(p.asked, "ask ") {
		p.State.Cases[0].Episodes = p.play[:1]
		if len(p.play) > 1 {
			p.play = p.play[1:]
		}
	}
	data, err := json.Marshal(p.State.Cases) // which nobody changes any more
	if err != nil {
		return nil, err
	}
	var copied []headroom.Case
	return copied, json.Unmarshal(data, &copied)
}

func (p *played) Control(context.Context) (headroom.Control, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.State.Control, nil
}

// A command that is told which file to look at, and no socket, looks there.
func TestWhoIsAsked(t *testing.T) {
	cases := map[string]struct {
		args        []string
		state, plan bool
	}{
		"the program, by default":         {[]string{"list"}, true, true},
		"the journal that is given":       {[]string{"list", "--journal.file=/j"}, false, true},
		"the policy that is given":        {[]string{"list", "--policy.file=/p"}, true, false},
		"the socket, if that is given":    {[]string{"list", "--journal.file=/j", "--policy.file=/p", "--control.socket=/s"}, true, true},
		"nobody, if there is no socket":   {[]string{"list", "--control.socket="}, false, false},
		"the program, whatever is beside": {[]string{"list", "--journal.fallback=/j"}, true, true},
	}
	for name, c := range cases {
		var s settings
		if _, err := parse(&s, c.args); err != nil {
			t.Fatal(err)
		}
		if state, plan := s.asks(s.journalGiven), s.asks(s.policyGiven); state != c.state || plan != c.plan {
			t.Errorf("%s: asks the program for cases %t, for plans %t", name, state, plan)
		}
	}
}
