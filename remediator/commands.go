package remediator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
	"github.com/nodeheadroom/headroom/remediator/store/journal"
	"github.com/nodeheadroom/headroom/remediator/webhook"
)

// registerCommands adds the commands that look and change nothing.
func registerCommands(app *kingpin.Application, commands map[string]command) {
	output := func(c *kingpin.CmdClause) *string {
		return c.Flag("output", "Format: table or json.").Short('o').Default("table").Enum("table", "json")
	}

	plan := app.Command("plan", "Say what would be done about a signal now, and change nothing.")
	signal := plan.Flag("signal", "Eviction signal, such as nodefs.available.").Required().String()
	stage := plan.Flag("stage", "Stage of the alert to plan for.").Default("at").Enum("before", "at")
	planOutput := output(plan)
	commands[plan.FullCommand()] = func(ctx context.Context, s *settings) error {
		return showPlan(ctx, s, *signal, *stage, *planOutput)
	}

	list := app.Command("list", "List the cases of this node.")
	listOutput := output(list)
	commands[list.FullCommand()] = func(_ context.Context, s *settings) error {
		cases, err := s.cases()
		if err != nil {
			return err
		}
		return print(s.stdout, *listOutput, cases, writeList)
	}

	show := app.Command("show", "Show a case with its episodes and what each rung did.")
	which := show.Arg("case", "A signal (nodefs.available) or the ID of an episode.").Required().String()
	showOutput := output(show)
	commands[show.FullCommand()] = func(_ context.Context, s *settings) error {
		cases, err := s.cases()
		if err != nil {
			return err
		}
		c, err := find(cases, *which)
		if err != nil {
			return err
		}
		return print(s.stdout, *showOutput, c, writeCase)
	}

	check := app.Command("check-config", "Read the policy and everything else that is configured, and say what is wrong.")
	commands[check.FullCommand()] = checkConfig
}

// print writes v as JSON, or as write does.
func print[T any](w io.Writer, format string, v T, write func(io.Writer, T) error) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	return write(w, v)
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
	var known []string
	for _, c := range cases {
		if string(c.Signal) == which {
			return c, nil
		}
		known = append(known, string(c.Signal))
		for _, ep := range c.Episodes {
			if ep.ID == which {
				c.Episodes = []headroom.Episode{ep}
				return c, nil
			}
		}
	}
	if len(known) == 0 {
		return headroom.Case{}, fmt.Errorf("show %q: there are no cases yet", which)
	}
	return headroom.Case{}, fmt.Errorf("show %q: neither a signal with a case (%s) nor an episode", which, strings.Join(known, ", "))
}

// checkConfig reports every file it could read, and all that is wrong at once.
func checkConfig(ctx context.Context, s *settings) error {
	var problems []error
	say := func(what string, err error, format string, args ...any) {
		if err != nil {
			problems = append(problems, err)
			return
		}
		fmt.Fprintf(s.stdout, "%-15s %s\n", what, fmt.Sprintf(format, args...))
	}

	p, err := policy.Load(s.policyFile, remedy.All)
	if err == nil {
		say("policy", nil, "%s: cases: %d, hash %s", s.policyFile, len(p.Cases), p.Hash)
	} else {
		say("policy", err, "")
	}

	auth, err := webhook.Inspect(*s.web.WebConfigFile, s.tokenFile)
	if err == nil {
		err = s.confine(auth)
	}
	if err == nil {
		say("authentication", nil, "%s, listening on %s", auth.Kind(), strings.Join(*s.web.WebListenAddresses, ", "))
	} else {
		say("authentication", err, "")
	}

	if s.alertmanagerURL != "" || s.alertmanagerConfig != "" {
		_, err := s.alertmanager()
		say("alertmanager", err, "%s is asked for alerts that a notification leaves out", s.alertmanagerURL)
	}

	machine, err := s.node.Machine(slog.New(slog.DiscardHandler)) // what fails is said below
	if err != nil {
		say("thresholds", err, "")
		return errors.Join(problems...)
	}
	err = machine.Refresh(ctx)
	switch {
	case errors.Is(err, kubelet.ErrNone):
		say("thresholds", nil, "none: no kubelet is running here, and no --kubelet.url, --kubelet.config or --kubelet.assume is given, so nothing will ever be done")
	case err != nil:
		say("thresholds", err, "")
	default:
		config, err := machine.Source.Configuration()
		if err != nil {
			say("thresholds", err, "")
			break
		}
		say("thresholds", nil, "%d from %s", len(config.Thresholds), config.Source)
	}
	if _, asked, err := machine.Runtime(); asked {
		say("runtime", err, "says where images and containers are")
	}
	return errors.Join(problems...)
}
