package remediator

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what a command printed with testdata/NAME.golden.
func (m *machine) golden(name, got string) {
	m.t.Helper()
	got = m.scrub(got)
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		m.t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// scrub replaces paths, times and hashes by words.
func (m *machine) scrub(got string) string {
	got = strings.NewReplacer(m.disk, "DISK", m.state, "STATE").Replace(got)
	for _, r := range []struct{ what, by string }{
		{`unknown remedy: use one of [a-z, -]+`, "unknown remedy: use one of REMEDIES"},
		{`\d{8}T\d{6}\.\d{3}`, "TIME"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "YYYY-MM-DD hh:mm:ss"},
		{`\b[0-9.]+(µs|ms|s) after`, "DURATION after"},
		{`in [0-9.]+(µs|ms|s)\n`, "in DURATION\n"},
		{`\b(hash|policy|plan) ( *)[0-9a-f]{12}\b`, "$1 ${2}HASH"},
		{`\b([Pp]aused|approved|by) (by )?root( \(login [^)]*\))? since`, "$1 ${2}WHO since"},
	} {
		got = regexp.MustCompile(r.what).ReplaceAllString(got, r.by)
	}
	return got
}

func (m *machine) prints(name string, args ...string) {
	m.t.Helper()
	out, errs, status := m.command(args...)
	if status != 0 {
		m.t.Fatalf("%v: status %d: %s", args, status, errs)
	}
	m.golden(name, out)
}

func TestPlanSaysWhatWouldBeDoneAndDoesNothing(t *testing.T) {
	m := newMachine(t)
	rotated := m.full()
	m.prints("plan", "plan", "--signal=nodefs.available")
	m.prints("plan-inodes", "plan", "--signal=nodefs.inodesFree")
	if diff := cmp.Diff([]bool{true, true, true, true, true}, exists(rotated...)); diff != "" {
		t.Errorf("planning removed something:\n%s", diff)
	}
	if got := exists(m.path("journal"), m.path("audit.log")); got[0] || got[1] {
		t.Error("planning left files behind")
	}
}

func TestListAndShow(t *testing.T) {
	m := newMachine(t)
	m.full()
	p := m.start("--no-dry-run")
	p.post(alerts(headroom.NodeFSAvailable))
	m.over(headroom.NodeFSAvailable)
	m.prints("list", "list")
	m.prints("show", "show", "nodefs.available")
	p.stop()
	m.prints("list", "list") // the same without the program
}

func TestCheckConfig(t *testing.T) {
	m := newMachine(t)
	m.prints("check-config", "check-config")
	out, errs, status := m.command("check-config",
		"--policy.file="+m.write("bad.yaml", "cases:\n  - match: ['signal=\"nodefs.availble\"']\n    start: 15%\n    target: 5%\n    ladder: [{remedy: log-reclam}]\n", 0o644),
		"--webhook.token-file="+m.path("nowhere"),
		"--kubelet.config="+m.write("bad-kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard: {nodefs.available: 110%}\n", 0o644))
	if status != 1 {
		t.Errorf("status %d", status)
	}
	m.golden("check-config-bad", out+errs)
}

func TestAskedWrongly(t *testing.T) {
	cases := map[string]struct {
		args   []string
		status int
		want   string
	}{
		"an unknown flag":                {[]string{"--polcy.file=x"}, 2, "--polcy.file"},
		"an interval of nothing":         {[]string{"list", "--kubelet.interval=0s"}, 2, "--kubelet.interval: 0s is not between"},
		"a path that is empty":           {[]string{"list", "--path.nodefs="}, 2, "--path.nodefs: is empty"},
		"an unknown command":             {[]string{"reclaim"}, 2, "reclaim"},
		"a signal that does not exist":   {[]string{"plan", "--signal=nodefs.availble"}, 2, `unknown eviction signal "nodefs.availble"`},
		"a signal that no case matches":  {[]string{"plan", "--signal=memory.available"}, 3, "no case of the policy matches"},
		"a journal that is not there":    {[]string{"list"}, 1, "no journal yet"},
		"no source of thresholds":        {[]string{"plan", "--signal=nodefs.available", "--kubelet.config="}, 1, "thresholds"},
		"how to ask, but not whom":       {[]string{"serve", "--alertmanager.http-config=x"}, 1, "--alertmanager.http-config: without --alertmanager.url nobody is asked"},
		"an Alertmanager without scheme": {[]string{"check-config", "--alertmanager.url=localhost:9093"}, 1, `--alertmanager.url: "localhost:9093": must be one such as http://localhost:9093`},
		"a secret that is not there":     {[]string{"serve", "--alertmanager.url=http://localhost", "--alertmanager.http-config=/nowhere"}, 1, "HTTP configuration /nowhere: no such file or directory"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			_, errs, status := m.command(c.args...)
			if status != c.status || !strings.Contains(errs, c.want) {
				t.Errorf("status %d, %q; want %d and %q", status, errs, c.status, c.want)
			}
		})
	}
}
