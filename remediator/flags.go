// Package remediator is the program headroom-remediator: its flags, its
// commands, and the wiring between how alerts arrive (webhook), how a person asks
// (control), what may be done (policy, remedy), what becomes of it (engine) and
// where that is kept (store/journal).
package remediator

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	nodeflag "github.com/nodeheadroom/headroom/node/flag"
	"github.com/nodeheadroom/headroom/remediator/control"
)

// defaultAddress listens on every interface, which needs authentication; see
// listenAddresses for what happens without.
const defaultAddress = ":10911"

// settings are the program's flags as values.
type settings struct {
	policyFile string
	nodeName   string
	dryRun     bool

	journalFile     string
	journalFallback string
	controlSocket   string
	optOutFile      string
	unusedFile      string

	// Whether these were given, and are not the defaults.
	policyGiven, journalGiven, socketGiven bool

	node          *nodeflag.Config
	logRoots      []string
	journalRoots  []string
	journalSocket string

	tokenFile          string
	alertmanagerURL    string
	alertmanagerConfig string

	web *web.FlagConfig

	// stopTimeout is how long a rung may take to stop once the program is told
	// to.
	stopTimeout time.Duration

	step func(name string) // see Program

	log    promslog.Config
	logger *slog.Logger // made from log once flags are parsed
	stdout io.Writer
	stderr io.Writer
}

// A command is what the program does with its settings.
type command func(ctx context.Context, s *settings) error

// A Program is the program and what no flag sets.
type Program struct {
	// Step is called at every step of a remedy at which the program can be
	// killed; nil calls nobody. Those who test what is left then set it.
	Step func(name string)
}

// Main runs the program as its users have it.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return Program{}.Main(ctx, args, stdout, stderr)
}

// Main runs the program and returns its exit status, one of those that control
// lists. Errors go to stderr.
func (p Program) Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := &settings{stdout: stdout, stderr: stderr, stopTimeout: 20 * time.Second, step: p.Step}
	run, err := parse(s, args)
	if err != nil {
		fmt.Fprintf(stderr, "headroom-remediator: %v (--help lists commands and flags)\n", err)
		return 2
	}
	if run == nil { // help or version, printed already
		return 0
	}
	if err := run(ctx, s); err != nil {
		fmt.Fprintf(stderr, "headroom-remediator: %v\n", err)
		return exitStatus(err)
	}
	return control.ExitDone
}

// purpose is what --help begins with.
const purpose = `Makes room on this node while there is still time, when Alertmanager says that it runs out.

Without a command it serves. plan, list and show look; run, approve, cancel, pause and resume ask the program that serves --control.socket, as root.

Exit status: 0 it was done; 1 it could not be done, or an episode ended without reaching its target; 2 it was asked wrongly; 3 there is no such signal, case or plan; 4 run: the episode is not over yet.`

func parse(s *settings, args []string) (command, error) {
	app := kingpin.New("headroom-remediator", purpose)
	done := false
	app.Terminate(func(int) { done = true })
	app.UsageWriter(s.stdout)
	app.ErrorWriter(s.stderr)
	app.HelpFlag.Short('h')
	app.Version(version.Print("headroom-remediator"))
	app.VersionFlag.Short('V')
	s.register(app)

	commands := make(map[string]command)
	serving := app.Command("serve", "Receive alerts and act on them (what is done without a command).")
	if len(args) == 0 || args[0] != "--completion-bash" {
		serving.Default() // half a word would complete what comes after serve
	}
	commands[serving.FullCommand()] = serve
	registerCommands(app, s, commands)

	promslogflag.AddFlags(app, &s.log)
	name, err := app.Parse(args)
	switch {
	case done:
		return nil, nil
	case err != nil:
		return nil, err
	}
	s.log.Writer = s.stderr
	s.logger = promslog.New(&s.log)
	if s.nodeName == "" {
		if s.nodeName, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("--node.name is not given, and %w", err)
		}
	}
	if !utf8.ValidString(s.nodeName) || strings.ContainsFunc(s.nodeName, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil, fmt.Errorf("--node.name: %q: must be printable, as the node label of the alerts is", s.nodeName)
	}
	return commands[name], s.node.Check()
}

func (s *settings) register(app *kingpin.Application) {
	app.Flag("policy.file", "Policy: which alert sets off which ladder of remedies.").Default("/etc/headroom/policy.yaml").IsSetByUser(&s.policyGiven).StringVar(&s.policyFile)
	app.Flag("node.name", "Name of this node, as the alerts' node label has it. Alerts for any other do nothing. (default: the host name)").Envar("NODE_NAME").StringVar(&s.nodeName)
	app.Flag("dry-run", "Plan and record what would be done, and do nothing.").Default("true").BoolVar(&s.dryRun)

	app.Flag("journal.file", "Where cases are kept.").Default("/var/lib/headroom/journal").IsSetByUser(&s.journalGiven).StringVar(&s.journalFile)
	app.Flag("journal.fallback", "Where cases are kept, on memory-backed space, if the journal cannot be.").Default("/run/headroom/journal").StringVar(&s.journalFallback)

	app.Flag("control.socket", "Unix socket by which the commands reach the program; '' serves none.").Default("/run/headroom/remediator.sock").IsSetByUser(&s.socketGiven).StringVar(&s.controlSocket)

	s.node = nodeflag.AddFlags(app)
	app.Flag("path.logs", "Directory of container logs, as the kubelet (or Docker) lays them out. Repeatable.").Default("/var/log/pods").StringsVar(&s.logRoots)
	app.Flag("path.journal", "Directory of systemd's journal, with a folder for each machine. Repeatable.").Default("/var/log/journal").StringsVar(&s.journalRoots)
	app.Flag("path.journal-socket", "Socket on which systemd-journald listens for varlink calls.").Default("/run/systemd/journal/io.systemd.journal").StringVar(&s.journalSocket)

	app.Flag("images.file", "Where it is remembered since when images have not been used: on memory-backed space; '' forgets it with the program.").Default("/run/headroom/images.json").StringVar(&s.unusedFile)
	app.Flag("opt-out.file", "While this file is there, nothing is done to this node; its first line says why.").Default("/etc/headroom/opt-out").StringVar(&s.optOutFile)

	app.Flag("webhook.token-file", "File with the bearer token that Alertmanager presents.").StringVar(&s.tokenFile)
	app.Flag("alertmanager.url", "Where Alertmanager is, such as http://localhost:9093: alerts that it leaves out of a notification (max_alerts) are fetched there. Without it they are counted and lost.").StringVar(&s.alertmanagerURL)
	app.Flag("alertmanager.http-config", "File that says how to ask it, as Prometheus's http_config does: authorization, basic_auth, oauth2, tls_config.").StringVar(&s.alertmanagerConfig)
	s.web = kingpinflag.AddFlags(app, defaultAddress)
}
