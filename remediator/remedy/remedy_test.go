package remedy

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	headroom "github.com/nodeheadroom/headroom"
)

// needed are the keys without which a remedy cannot be configured.
var needed = map[string]string{"exec": `command: ["/bin/true"]`}

// fromYAML decodes strictly, as a policy is read.
func fromYAML(text string) func(any) error {
	return func(into any) error {
		if text == "" {
			return nil
		}
		d := yaml.NewDecoder(strings.NewReader(text))
		d.KnownFields(true)
		return d.Decode(into)
	}
}

func TestEveryRemedy(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := make(map[string]bool)
	for _, r := range All {
		if !name.MatchString(r.Name()) || seen[r.Name()] {
			t.Errorf("%q is no name or is taken", r.Name())
		}
		seen[r.Name()] = true
		configured, err := r.Configure(fromYAML(needed[r.Name()]))
		if err != nil || configured.Name() != r.Name() {
			t.Errorf("%s is not configured by its needed keys: %v", r.Name(), err)
		}
		if _, err := r.Configure(fromYAML(needed[r.Name()] + "\nsurprise: 1")); err == nil || !strings.Contains(err.Error(), "surprise") {
			t.Errorf("%s: the error for an unknown key is %v", r.Name(), err)
		}
	}
}

// killTests kill a remedy at each of its Steps and go on afterwards.
var killTests = map[string]func(*testing.T){
	"log-reclaim":     TestKilledAtAnyStepOfReclaimingLogs,
	"journal-vacuum":  TestVacuumingThatIsKilledAtAStepGoesOnTheNextTime,
	"container-prune": TestKilledAtAnyStepOfPruning,
	"image-gc":        TestKilledAtAnyStepOfRemovingImages,
	"ballast":         TestKilledAtAnyStepOfGivingBackBallast,
	"exec":            TestExecThatIsKilledAtAStepIsAskedAgainWithTheSameKey,
}

func TestEveryRemedyIsKilledAndDescribed(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range All {
		if len(r.Steps()) > 0 && killTests[r.Name()] == nil {
			t.Errorf("no test kills %s at its steps %q: name one in killTests", r.Name(), r.Steps())
		}
		if !strings.Contains(string(readme), "\n| `"+r.Name()+"` |") {
			t.Errorf("README.md has no row for %s among the remedies", r.Name())
		}
	}
}

// killedAtStep calls apply and lets nothing happen after step.
func killedAtStep(t *testing.T, step string, apply func(Run)) {
	t.Helper()
	type killed struct{}
	defer func() {
		t.Helper()
		if r := recover(); r != (killed{}) {
			t.Fatalf("step %q was not reached: %v", step, r)
		}
	}()
	apply(Run{Removed: func(Item, headroom.Amount) {}, Step: func(name string) {
		if name == step {
			panic(killed{})
		}
	}})
}

func TestConfigure(t *testing.T) {
	for _, tc := range []struct {
		remedy Remedy
		keys   string
		want   string // in the error; "" is none
	}{
		{LogReclaim{}, "", ""},
		{LogReclaim{}, "{keep: 0, truncate: false, minSize: 1048576, excludeNamespaces: [kube-system]}", ""},
		{LogReclaim{}, `{minSize: "10Mi"}`, ""},
		{LogReclaim{}, "{keep: -1}", "keep: -1"},
		{LogReclaim{}, "{keep: 1001}", "keep: 1001"},
		{LogReclaim{}, "{keep: many}", "many"},
		{LogReclaim{}, "{minSize: -1Mi}", "minSize: -1048576"},
		{LogReclaim{}, "{minSize: big}", `"big" is not a quantity`},
		{LogReclaim{}, "{minSize: 0.5}", "not a whole number"},
		{LogReclaim{}, "{minSize: 9Ei}", "64 bits"},
		{LogReclaim{}, `{excludeNamespaces: ["*"]}`, `excludeNamespaces: "*"`},
		{LogReclaim{}, `{excludeNamespaces: [""]}`, `excludeNamespaces: ""`},
		{ImageGC{}, "", ""},
		{ImageGC{}, `{minAge: 0s, keep: ["registry.example/base/*", busybox], local: remove, registry: ignore}`, ""},
		{ImageGC{}, "{minAge: -1s}", "minAge: -1s"},
		{ImageGC{}, "{minAge: 721h}", "minAge: 721h0m0s"},
		{ImageGC{}, `{keep: [""]}`, `"" is no pattern`},
		{ImageGC{}, `{keep: ["a b"]}`, `"a b" is no pattern`},
		{ImageGC{}, "{keep: [" + strings.Repeat("a,", 1001) + "]}", "keep: 1001 patterns"},
		{ImageGC{}, "{local: maybe}", `local: "maybe"`},
		{ImageGC{}, "{registry: never}", `registry: "never"`},
		{JournalVacuum{}, "{keep: 0, rotate: false}", ""},
		{JournalVacuum{}, "{keep: 1Gi}", ""},
		{JournalVacuum{}, "{keep: -1}", "keep: -1"},
		{JournalVacuum{}, "{rotate: maybe}", "maybe"},
		{Ballast{}, "{path: /data/ballast, size: 1Gi, inodes: 5000}", ""},
		{Ballast{}, "{size: 0, inodes: 0}", ""},
		{Ballast{}, "{path: ballast}", `path: "ballast"`},
		{Ballast{}, "{path: /}", `path: "/"`},
		{Ballast{}, "{path: /data/../etc}", "path: "},
		{Ballast{}, "{size: 1Ki}", "size: 1024"},
		{Ballast{}, "{size: 2Ti}", "size: "},
		{Ballast{}, "{inodes: -1}", "inodes: -1"},
		{Ballast{}, "{inodes: 100000}", "inodes: 100000"},
		{LogReclaim{}, "{reopen: false}", ""},
		{LogReclaim{}, "{reopen: perhaps}", "perhaps"},
		{ContainerPrune{}, "", ""},
		{ContainerPrune{}, "{maxWritable: 10Gi, minAge: 0s, excludeNamespaces: [kube-system]}", ""},
		{ContainerPrune{}, "{maxWritable: 0}", ""},
		{ContainerPrune{}, "{maxWritable: -1}", "maxWritable: -1"},
		{ContainerPrune{}, "{minAge: -1s}", "minAge: -1s"},
		{ContainerPrune{}, "{minAge: old}", "old"},
		{ContainerPrune{}, `{excludeNamespaces: ["*"]}`, `excludeNamespaces: "*"`},
		{Exec{}, `{command: [/bin/true, "", "-x"], timeout: 90s, frees: {bytes: 1Gi, inodes: 5}}`, ""},
		{Exec{}, "", "command: missing"},
		{Exec{}, "{command: []}", "command: missing"},
		{Exec{}, `{command: [""]}`, `command: ""`},
		{Exec{}, "{command: [true]}", `command: "true"`},
		{Exec{}, "{command: [/bin/../bin/true]}", "command: "},
		{Exec{}, "{command: [/bin//true]}", "command: "},
		{Exec{}, "{command: [/bin/true/]}", "command: "},
		{Exec{}, "{command: /bin/true}", "/bin/true"},
		{Exec{}, `{command: [/bin/true, "a\0b"]}`, "NUL"},
		{Exec{}, "{command: [/bin/true], timeout: 0s}", "timeout: 0s"},
		{Exec{}, "{command: [/bin/true], timeout: 2h}", "timeout: 2h0m0s"},
		{Exec{}, "{command: [/bin/true], frees: {bytes: -1}}", "frees: "},
		{Exec{}, "{command: [/bin/true], frees: {pids: 1}}", "pids"},
	} {
		_, err := tc.remedy.Configure(fromYAML(tc.keys))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s %s: error is %v, want %q", tc.remedy.Name(), tc.keys, err, tc.want)
		}
	}
}

func TestConfiguringACopyLeavesTheDefaults(t *testing.T) {
	r, err := LogReclaim{}.Configure(fromYAML("{keep: 3, minSize: 4096}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.(LogReclaim).config(); got.Keep != 3 || got.MinSize != 4096 || !got.Truncate {
		t.Errorf("configured %+v", got)
	}
	if (LogReclaim{}).config().Keep != 1 {
		t.Error("configuring a copy changed the defaults")
	}
}

func TestHashTellsPlansApart(t *testing.T) {
	in := &folder{root: &root{path: "/logs"}, path: "a"}
	base := Plan{Items: []Item{{Does: Remove, What: "x", file: file{in: in, ino: 1}}}}
	grown := Plan{Items: []Item{{Does: Remove, What: "x", file: file{in: in, ino: 1, size: 5}}}}
	if base.Hash() != grown.Hash() {
		t.Error("a log that grew makes another hash")
	}
	other := Item{Does: Truncate, What: "z", file: file{in: in, ino: 2}}
	if (Plan{Items: []Item{base.Items[0], other}}).Hash() != (Plan{Items: []Item{other, base.Items[0]}}).Hash() {
		t.Error("a log that outgrew another makes another hash")
	}
	seen := map[string]bool{base.Hash(): true}
	for _, item := range []Item{
		{Does: Truncate, What: "x", file: file{ino: 1}},
		{Does: Remove, What: "y", file: file{ino: 1}},
		{Does: Remove, What: "x", file: file{ino: 2}},
		{Does: Remove, What: "x\" 1\nremove \"y", file: file{ino: 1}},
		{Does: Rotate, What: "x", file: file{ino: 1}, id: "23"},
		{Does: Rotate, What: "x", file: file{ino: 12}, id: "3"},
		{Does: Remove, What: "b c", id: "a"},
		{Does: Remove, What: "c", id: "a b"},
	} {
		h := Plan{Items: []Item{item}}.Hash()
		if seen[h] {
			t.Errorf("%+v has a hash that is taken", item)
		}
		seen[h] = true
	}
}

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"/var/log/a b":    "/var/log/a b",
		"ü":               "ü",
		"a\nb":            `"a\nb"`,
		"\x1b[31m":        `"\x1b[31m"`,
		"\xff":            `"\xff"`,
		"a\u202eb":        `"a\u202eb"`,
		"trailing\u00a0?": `"trailing\u00a0?"`,
	} {
		if got := printable(name); got != want {
			t.Errorf("printable(%q) = %s, want %s", name, got, want)
		}
	}
	if !bytes.Contains([]byte(printable("\ufffd")), []byte(`"`)) {
		t.Error("the sign for invalid text is not quoted")
	}
}
