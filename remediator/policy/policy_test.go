package policy

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A sweep is a remedy with a key of every shape. It only reads its keys.
type sweep struct {
	remedy.Remedy
	name string
	keys sweepKeys
}

type sweepKeys struct {
	Keep   int           `yaml:"keep"`
	MinAge time.Duration `yaml:"minAge"`
	Only   []string      `yaml:"only"`
	Force  bool          `yaml:"force"`
	Share  float64       `yaml:"share"`
	Size   pages         `yaml:"size"`
	Window *window       `yaml:"window"`
}

type window struct{ From, To string }

// pages are read from text.
type pages int

func (s *pages) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%dpages", s); err != nil {
		return fmt.Errorf("%q is not a number of pages", text)
	}
	return nil
}

func (s sweep) Name() string { return s.name }

func (s sweep) Configure(decode func(any) error) (remedy.Remedy, error) {
	s.keys = sweepKeys{Keep: 1}
	if err := decode(&s.keys); err != nil {
		return nil, err
	}
	if s.keys.Keep < 0 {
		return nil, fmt.Errorf("keep: %d: must not be negative", s.keys.Keep)
	}
	if len(s.keys.Only) > 3 {
		return nil, errors.New("only[3]: one too many")
	}
	return s, nil
}

// A storm is a remedy that pods notice.
type storm struct{ unconfigured }

func (storm) Name() string { return "storm" }
func (storm) Disrupts()    {}

func (s storm) Configure(func(any) error) (remedy.Remedy, error) { return s, nil }

// An unconfigured remedy has no keys.
type unconfigured struct{ remedy.Remedy }

func (unconfigured) Name() string { return "nothing" }

func (u unconfigured) Configure(func(any) error) (remedy.Remedy, error) { return u, nil }

var sweeps = []remedy.Remedy{sweep{name: "sweep"}, unconfigured{}, storm{}}

var update = flag.Bool("update", false, "write what is refused, and how, to testdata")

// A file without one of the same name and .err is a good policy.
func TestEveryPolicyOfTestdataIsAcceptedOrRefusedAsItSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d policies: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if _, err := Parse(filepath.Base(file), data, sweeps); err != nil {
				got = err.Error() + "\n"
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".err"
			if *update && got != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPolicySaysWhatItsFileSays(t *testing.T) {
	p := parseFile(t, "full.yaml")
	var ladder []sweepKeys
	for _, rung := range p.Cases[0].Ladder {
		if s, ok := rung.Remedy.(sweep); ok {
			ladder = append(ladder, s.keys)
		}
	}
	want := []sweepKeys{
		{Keep: 2},
		{Keep: 0, MinAge: 36 * time.Hour, Only: []string{"a", "5", "true"}, Force: true, Share: 0.5, Size: 4, Window: &window{"Sat 02:00", "Sat 06:00"}},
		{Keep: 1},
	}
	if diff := cmp.Diff(want, ladder); diff != "" {
		t.Error(diff)
	}
	if c := p.Cases[0]; c.Start != 0.05 || c.Target != 0.15 || len(c.Ladder) != 7 || len(c.Match) != 2 {
		t.Errorf("the first case is %+v", c)
	}
	if c := p.Cases[1]; c.Start != 0 || c.Target != 0.125 || len(c.Ladder) != 7 || len(c.Match) != 1 {
		t.Errorf("the second case, which borrows from the first, is %+v", c)
	}
	var guards []Rung
	for _, rung := range p.Cases[0].Ladder {
		guards = append(guards, Rung{Approval: rung.Approval, Disruptive: rung.Disruptive})
	}
	wantGuards := []Rung{{}, {}, {Disruptive: true}, {Approval: true}, {Approval: true, Disruptive: true}, {}, {Disruptive: true}}
	if diff := cmp.Diff(wantGuards, guards); diff != "" {
		t.Error(diff)
	}
	var windows []string
	for _, w := range p.Disruptive {
		windows = append(windows, w.String())
	}
	if diff := cmp.Diff([]string{"Sat,Sun 02:00-06:00 Europe/Berlin", "Mon-Fri 22:00-04:30"}, windows); diff != "" {
		t.Error(diff)
	}
	p.Cases, p.Hash, p.Disruptive = nil, "", nil
	gates := &Policy{
		Cluster: "prod-eu", Cooldown: 90 * time.Second, Attempts: Attempts{5, 24 * time.Hour}, Watch: 30 * time.Minute, Recheck: 12 * time.Hour,
		Budget: Budget{3, 0.025}, Breaker: Breaker{50, 1, 10 * time.Minute}, Approval: 15 * time.Minute,
	}
	if diff := cmp.Diff(gates, p); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAPolicyDoesNotSayHasADefault(t *testing.T) {
	p := parseFile(t, "smallest.yaml")
	p.Cases, p.Hash = nil, ""
	if diff := cmp.Diff(&Policy{
		Cooldown: 10 * time.Minute, Attempts: Attempts{3, time.Hour}, Watch: 15 * time.Minute, Recheck: 6 * time.Hour,
		Budget: Budget{1, 0.1}, Breaker: Breaker{20, 0.25, 5 * time.Minute}, Approval: time.Hour,
	}, p); diff != "" {
		t.Error(diff)
	}
}

func parseFile(t *testing.T, name string) *Policy {
	t.Helper()
	p, err := Load(copyOf(t, name, 0o644), sweeps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// copyOf puts a file of testdata where its mode is known.
func copyOf(t *testing.T, name string, mode os.FileMode) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheFirstCaseThatMatchesDecides(t *testing.T) {
	p := parseFile(t, "full.yaml")
	for sentence, c := range map[string]struct {
		labels map[string]string
		want   int // of Cases; -1 is none
	}{
		"an alert of both belongs to the first": {map[string]string{"signal": "nodefs.available", "stage": "at"}, 0},
		"one of the second belongs to it":       {map[string]string{"signal": "pid.available", "stage": "at"}, 1},
		"a matcher is anchored":                 {map[string]string{"signal": "xnodefs.available", "stage": "at"}, -1},
		"all matchers must match":               {map[string]string{"signal": "nodefs.available", "stage": "blind"}, -1},
		"an absent label is an empty one":       {map[string]string{"stage": "at"}, -1},
		"no labels match nothing":               {nil, -1},
	} {
		got, ok := p.Find(c.labels)
		if ok != (c.want >= 0) || ok && got != &p.Cases[c.want] {
			t.Errorf("%s: got %+v", sentence, got)
		}
	}
	want := []headroom.Signal{headroom.NodeFSAvailable, headroom.NodeFSInodesFree, headroom.ImageFSAvailable, headroom.ImageFSInodesFree, headroom.PIDAvailable}
	if diff := cmp.Diff(want, p.Signals()); diff != "" {
		t.Error(diff)
	}
}

func TestTheHashIsOfWhatIsSaidAndNotHow(t *testing.T) {
	const said = `
cases:
  - match: ['signal="nodefs.available"', 'stage="at"']
    start: 5%
    target: 15%
    ladder: [{remedy: sweep, keep: 2, minAge: 1h}]
`
	hashOf := func(text string) string {
		t.Helper()
		p, err := Parse("p.yaml", []byte(text), sweeps)
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash
	}
	base := hashOf(said)
	if len(base) != 12 {
		t.Errorf("hash %q has not twelve digits", base)
	}
	for sentence, text := range map[string]string{
		"comments say nothing":             "# hello\n" + said + "# bye\n",
		"a default written out is no news": said + "cooldown: 600s\nattempts: {per: 60m}\nrecheck: 360m\nbudget: {percent: 10%}\nbreaker: {nodes: 20}\nwindows: {}\napproval: 60m\n",
		"a guard that holds anyway":        strings.ReplaceAll(said, "keep: 2", "keep: 2, approval: none, disruptive: false"),
		"quotes say nothing":               strings.ReplaceAll(said, " 5%", ` "5%"`),
		"zeros say nothing":                strings.ReplaceAll(said, " 5%", " 5.0%"),
		"keys have no order":               strings.ReplaceAll(said, "{remedy: sweep, keep: 2, minAge: 1h}", "{minAge: 1h, keep: 2, remedy: sweep}"),
		"matchers have no order":           strings.ReplaceAll(said, `'signal="nodefs.available"', 'stage="at"'`, `'stage="at"', 'signal="nodefs.available"'`),
		"an anchor says nothing":           strings.Replace(said, "keep: 2", "keep: &two 2", 1),
	} {
		if got := hashOf(text); got != base {
			t.Errorf("%s: %s, not %s", sentence, got, base)
		}
	}
	for sentence, change := range map[string][2]string{
		"a remedy's key counts":       {"keep: 2", "keep: 3"},
		"an approval counts":          {"keep: 2", "keep: 2, approval: required"},
		"disruption counts":           {"keep: 2", "keep: 2, disruptive: true, approval: none"},
		"a recheck counts":            {"cases:", "recheck: 5h\ncases:"},
		"a budget counts":             {"cases:", "budget: {nodes: 2}\ncases:"},
		"a share counts":              {"cases:", "budget: {percent: 11%}\ncases:"},
		"a breaker counts":            {"cases:", "breaker: {within: 6m}\ncases:"},
		"a window counts":             {"cases:", "windows: {disruptive: [Sat 02:00-06:00]}\ncases:"},
		"how long a word counts, too": {"cases:", "approval: 2h\ncases:"},
		"a target counts":             {"15%", "16%"},
		"a matcher counts":            {`stage="at"`, `stage="before"`},
		"a cooldown counts":           {"cases:", "cooldown: 5m\ncases:"},
		"a cluster counts":            {"cases:", "cluster: a\ncases:"},
	} {
		if hashOf(strings.Replace(said, change[0], change[1], 1)) == base {
			t.Errorf("%s: the hash is the same", sentence)
		}
	}
	windows := func(list string) string { return hashOf(said + "windows: {disruptive: [" + list + "]}\n") }
	one := windows("Sat 02:00-06:00, Sun 02:00-06:00 Europe/Berlin")
	if other := windows("Sun 02:00-06:00 Europe/Berlin, Sat 02:00-06:00 UTC"); other != one {
		t.Errorf("windows have no order, and UTC is what no zone is: %s, not %s", other, one)
	}
	if other := windows("Sat 02:00-06:00, Sun 02:00-06:00 Europe/Paris"); other == one {
		t.Error("a window's zone counts: the hash is the same")
	}
}

func TestAFileThatCannotBeTrustedIsRefused(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	writable := copyOf(t, "smallest.yaml", 0o646)
	for sentence, c := range map[string]struct{ path, err string }{
		"a file is there":             {filepath.Join(dir, "gone"), "policy " + dir + "/gone: no such file or directory"},
		"a folder is no file":         {dir, "policy " + dir + ": a directory: name the file in it"},
		"a device is no file":         {"/dev/null", "policy /dev/null: a file of type Dc---------: must be a regular file"},
		"others may not write it":     {writable, "policy " + writable + ": mode 0646 lets others write it, and so decide what is done to this machine: chmod o-w " + writable},
		"an image is no policy":       {large, "policy " + large + ": larger than 1048576 bytes: is it the right file?"},
		"others may read it":          {copyOf(t, "smallest.yaml", 0o644), ""},
		"its owner alone may read it": {copyOf(t, "smallest.yaml", 0o400), ""},
	} {
		_, err := Load(c.path, sweeps)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.err {
			t.Errorf("%s:\ngot  %s\nwant %s", sentence, got, c.err)
		}
	}
}

// The remedies there are read their keys through the same parser.
func TestTheRealRemediesReadTheirKeysStrictly(t *testing.T) {
	const text = `cases:
  - match: ['signal=~"(nodefs|imagefs)[.](available|inodesFree)"', 'stage=~"before|at"']
    start: 5%
    target: 15%
    ladder:
      - remedy: log-reclaim
        KEY
`
	parse := func(key string) error {
		_, err := Parse("p.yaml", []byte(strings.ReplaceAll(text, "KEY", key)), remedy.All)
		return err
	}
	for key, want := range map[string]string{
		"keep: 1":          "",
		"minSize: 2Mi":     "",
		"minSize: 2097152": "",
		"minSize: much":    `p.yaml:7: cases[0].ladder[0].minSize: "much": is not a quantity such as 1Mi`,
		"minSize: [1]":     "p.yaml:7: cases[0].ladder[0].minSize: a list: must be a single value",
		"keep: -1":         "p.yaml:7: cases[0].ladder[0].keep: -1: ",
		"kep: 1":           "p.yaml:7: cases[0].ladder[0].kep: unknown key: use one of remedy, approval, disruptive, keep, ",
	} {
		err := parse(key)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s:\ngot  %v\nwant %s", key, err, want)
		}
	}
}

func TestRungsThatWouldUndoEachOtherAreRefused(t *testing.T) {
	const text = `cases:
  - match: ['signal=~"(nodefs|imagefs)[.](available|inodesFree)"', 'stage=~"before|at"']
    start: 5%
    target: 15%
    ladder:
      - {remedy: ballast, path: /b/one, size: 256Mi}
      - {remedy: log-reclaim}
  - match: ['signal=~"(nodefs|imagefs)[.](available|inodesFree)"', 'stage="before"']
    start: 5%
    target: 15%
    ladder:
      - RUNG
`
	for rung, want := range map[string]string{
		"{remedy: ballast, path: /b/one, size: 256Mi}": "",
		"{remedy: ballast, path: /b/ones, size: 1Gi}":  "",
		"{remedy: log-reclaim, keep: 7}":               "",
		"{remedy: ballast, path: /b/one, size: 1Gi}":   `p.yaml:12: cases[1].ladder[0].path: "/b/one": another rung keeps ballast of another size there: give both the same size, or each a path of its own`,
		"{remedy: ballast, path: /b/one, inodes: 7}":   "",
		"{remedy: ballast, path: /b/one, size: 0}":     "", // where only inodes count
		"{remedy: ballast, path: /b/one/two}":          `p.yaml:12: cases[1].ladder[0].path: "/b/one/two": within one folder with the ballast of another rung, "/b/one"`,
		"{remedy: ballast, path: /b}":                  `p.yaml:12: cases[1].ladder[0].path: "/b": within one folder with the ballast of another rung, "/b/one"`,
	} {
		_, err := Parse("p.yaml", []byte(strings.ReplaceAll(text, "RUNG", rung)), remedy.All)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s:\ngot  %v\nwant %s", rung, err, want)
		}
	}
}

func TestNoRemedyHasAKeyThatIsThePolicys(t *testing.T) {
	for _, r := range remedy.All {
		r.Configure(func(into any) error {
			keys := reflect.TypeOf(into).Elem()
			for i := range keys.NumField() {
				if name := yamlName(keys.Field(i)); contains(reserved, name) {
					t.Errorf("%s has the key %s: it will never be given it", r.Name(), name)
				}
			}
			return errors.New("only asked for its keys")
		})
	}
}
