package remediator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
	"github.com/nodeheadroom/headroom/remediator/webhook"
)

// registerCommands adds all commands but serve.
func registerCommands(app *kingpin.Application, s *settings, commands map[string]command) {
	registerLooking(app, s, commands)
	registerActing(app, s, commands)

	check := app.Command("check-config", "Read the policy and everything else that is configured, and say what is wrong.")
	commands[check.FullCommand()] = checkConfig

	complete := app.Command("completion", "Print a script that completes commands, flags, signals and episodes: source <(headroom-remediator completion bash)")
	shell := complete.Arg("shell", "bash, zsh or fish.").Required().HintOptions(shells...).Enum(shells...)
	commands[complete.FullCommand()] = func(_ context.Context, s *settings) error {
		_, err := io.WriteString(s.stdout, completions[*shell])
		return err
	}
}

// registerLooking adds the commands that change nothing.
func registerLooking(app *kingpin.Application, s *settings, commands map[string]command) {
	plan := app.Command("plan", "Say what would be done about a signal now, and change nothing.")
	planSignal := plan.Arg("signal", "Eviction signal, such as nodefs.available.").HintOptions(signalNames()...).String()
	plan.Flag("signal", "The same as a flag.").HintOptions(signalNames()...).StringVar(planSignal)
	stage := plan.Flag("stage", "Stage of the alert to plan for.").Default("at").Enum("before", "at")
	planOutput := outputFlag(plan)
	commands[plan.FullCommand()] = func(ctx context.Context, s *settings) error {
		signal, err := parseSignal(*planSignal)
		if err != nil {
			return err
		}
		planned, err := s.plan(ctx, signal, *stage)
		if err != nil {
			return err
		}
		return print(s.stdout, *planOutput, planned, writePlan)
	}

	list := app.Command("list", "List the cases of this node.")
	listOutput := outputFlag(list)
	commands[list.FullCommand()] = func(ctx context.Context, s *settings) error {
		st, err := s.state(ctx)
		if err != nil {
			return err
		}
		if *listOutput == "json" {
			return writeJSON(s.stdout, st.Cases)
		}
		return writeList(s.stdout, st)
	}

	show := app.Command("show", "Show a case with its episodes: what holds them, and what each rung did.")
	which := show.Arg("case", "A signal (nodefs.available) or the ID of an episode.").Required().HintAction(s.hint(known)).String()
	showOutput := outputFlag(show)
	commands[show.FullCommand()] = func(ctx context.Context, s *settings) error {
		st, err := s.state(ctx)
		if err != nil {
			return err
		}
		c, err := find(st.Cases, *which)
		if err != nil {
			return err
		}
		if *showOutput == "json" {
			return writeJSON(s.stdout, c)
		}
		writeHeld(s.stdout, st)
		return writeCase(s.stdout, c)
	}
}

func outputFlag(c *kingpin.CmdClause) *string {
	return c.Flag("output", "Format: table or json.").Short('o').Default("table").Enum("table", "json")
}

func parseSignal(name string) (headroom.Signal, error) {
	signal, err := headroom.ParseSignal(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", headroom.ErrInvalid, err)
	}
	return signal, nil
}

func signalNames() []string {
	var names []string
	for _, signal := range headroom.Signals() {
		names = append(names, string(signal))
	}
	return names
}

// print writes v as JSON, or as write does.
func print[T any](w io.Writer, format string, v T, write func(io.Writer, T) error) error {
	if format == "json" {
		return writeJSON(w, v)
	}
	return write(w, v)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
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
