package flag

import (
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
)

// parsed returns what args say.
func parsed(t *testing.T, args ...string) *Config {
	t.Helper()
	app := kingpin.New("test", "")
	c := AddFlags(app)
	if _, err := app.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFlagThatCannotBeMeantIsNamedWithItsValue(t *testing.T) {
	for arg, want := range map[string]string{
		"--path.procfs=":                    "--path.procfs: is empty",
		"--path.cgroup=":                    "--path.cgroup: is empty",
		"--path.nodefs=":                    "--path.nodefs: is empty",
		"--path.imagefs=":                   "--path.imagefs: is empty",
		"--path.containerfs=":               "--path.containerfs: is empty",
		"--path.timeout=0s":                 "--path.timeout: 0s is not above 0",
		"--path.timeout=-1s":                "--path.timeout: -1s is not above 0",
		"--kubelet.interval=1ms":            "--kubelet.interval: 1ms is not between 1s and 5m0s",
		"--kubelet.interval=1h":             "--kubelet.interval: 1h0m0s is not between 1s and 5m0s",
		"--runtime.endpoint=tcp://1.2.3.4":  `--runtime.endpoint: "tcp://1.2.3.4" does not begin with unix:///`,
		"--runtime.endpoint=unix://run/x":   `--runtime.endpoint: "unix://run/x" does not begin with unix:///`,
		"--runtime.endpoint=/run/x/cd.sock": `--runtime.endpoint: "/run/x/cd.sock" does not begin with unix:///`,
	} {
		if err := parsed(t, arg).Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", arg, err, want)
		}
	}
}

func TestFlagsAreFineAsTheyAre(t *testing.T) {
	if err := parsed(t).Check(); err != nil {
		t.Error(err)
	}
}

func TestRunningKubeletIsLookedForUnlessToldNotTo(t *testing.T) {
	for args, want := range map[string]string{
		"":                         "/proc",
		"--path.procfs=/host/proc": "/host/proc",
		"--no-kubelet.process":     "",
		"--no-kubelet.process --path.procfs=/x/y": "",
	} {
		if got := parsed(t, strings.Fields(args)...).options(nil).Proc; got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}

func TestHelpSaysHowTheProcessIsLeftAlone(t *testing.T) {
	app := kingpin.New("test", "")
	AddFlags(app)
	help := app.GetFlag("kubelet.process").Model().Help
	for _, want := range []string{"On by default", "--no-kubelet.process"} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in %q", want, help)
		}
	}
}
