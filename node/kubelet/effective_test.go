package kubelet

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// An effectiveCase is what the kubelet v1.37.2 program made of a command line and
// some files: lab/resolve asks it, and has asked it again since.
type effectiveCase struct {
	Name      string
	Args      []string
	Files     map[string]string
	Links     map[string]string
	Effective json.RawMessage
	Refused   string
}

func TestCommandLineAndFilesAreResolvedAsTheKubeletDoes(t *testing.T) {
	t.Setenv("TMPDIR", nodetest.Tmpfs(t, 64<<20, 0)) // for thousands of small files
	f, err := os.Open("testdata/effective.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c effectiveCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, c.check)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func (c effectiveCase) check(t *testing.T) {
	dir := t.TempDir()
	args := c.write(t, dir)
	host := newHost(t)
	host.add(4711, "kubelet", append([]string{"/usr/bin/kubelet"}, args...), at{cwd: dir})
	d, f, err := c.resolve(host.proc)
	if c.Refused != "" {
		if err == nil {
			t.Errorf("the kubelet refuses: %s\nwe do not: %+v", c.Refused, d)
		}
		return
	}
	if err != nil {
		t.Fatalf("we refuse: %v\nthe kubelet does not: %s", err, c.Effective)
	}
	d.MergeDefaultEvictionSettings, d.KubeReservedCgroup, d.SystemReservedCgroup = nil, "", ""
	if diff := cmp.Diff(fields(t, c.Effective), fields(t, d)); diff != "" {
		t.Errorf("-kubelet +we:\n%s", diff)
	}
	c.checkSource(t, host.proc, f)
}

// write puts the files into dir and returns the command line.
func (c effectiveCase) write(t *testing.T, dir string) []string {
	t.Helper()
	for name, content := range c.Files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			path, content = filepath.Join(path, ".keep"), ""
		}
		writeFile(t, path, content)
	}
	for name, target := range c.Links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	args := make([]string, len(c.Args))
	for i, arg := range c.Args {
		args[i] = strings.ReplaceAll(arg, "$DIR", dir)
	}
	return args
}

func (c effectiveCase) resolve(proc string) (*document, *flags, error) {
	p, err := find(proc, "")
	if err != nil {
		return nil, nil, err
	}
	v := &view{process: p.dir}
	args, err := p.host.args(p, v)
	if err != nil {
		return nil, nil, err
	}
	f, err := parseFlags(args, 37)
	if err != nil {
		return nil, nil, err
	}
	base, dropins, err := f.read(v)
	if err != nil {
		return nil, nil, err
	}
	d, err := merge(base, dropins, f, 37)
	return d, f, err
}

// checkSource holds what a Source makes of the same process to what was recorded.
// A kubelet parses its thresholds only after it has told its configuration, so
// that some of these it would not start with.
func (c effectiveCase) checkSource(t *testing.T, proc string, f *flags) {
	t.Helper()
	var want document
	if err := json.Unmarshal(c.Effective, &want); err != nil {
		t.Fatal(err)
	}
	pods := false
	for _, level := range want.EnforceNodeAllocatable {
		pods = pods || level == "pods"
	}
	thresholds, wantErr := headroom.EvictionConfig{
		Hard: want.EvictionHard, Soft: want.EvictionSoft, SoftGracePeriod: want.EvictionSoftGracePeriod,
		MinimumReclaim: want.EvictionMinimumReclaim, EnforcePods: pods,
	}.Thresholds()
	s := source(t, Options{Proc: proc})
	err := s.Refresh(t.Context())
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("source: %v, thresholds: %v", err, wantErr)
	}
	if err != nil {
		return
	}
	got, err := s.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(thresholds), lines(got.Thresholds)); diff != "" {
		t.Errorf("-kubelet +source:\n%s", diff)
	}
	if want.EvictionHard == nil {
		want.EvictionHard = map[string]string{}
	}
	if diff := cmp.Diff(want.EvictionHard, got.Hard); diff != "" {
		t.Errorf("-kubelet +source:\n%s", diff)
	}
	if got.TransitionPeriod != want.EvictionPressureTransitionPeriod.Duration || got.ImageGCHigh != int(*want.ImageGCHighThresholdPercent) || got.ImageGCLow != int(*want.ImageGCLowThresholdPercent) {
		t.Errorf("source: %+v", got)
	}
	if got.Source != "flags" || got.RootDir != f.rootDir || got.OnDisk == nil {
		t.Errorf("source: %+v", got)
	}
}

func fields(t *testing.T, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
