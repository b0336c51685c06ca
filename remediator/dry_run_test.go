package remediator

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
	"github.com/nodeheadroom/headroom/remediator/engine"
	"github.com/nodeheadroom/headroom/remediator/policy"
	"github.com/nodeheadroom/headroom/remediator/remedy"
	"github.com/nodeheadroom/headroom/remediator/store/journal"
)

// A frozen runtime, and its kubelet, have something for every remedy; whoever
// changes something there fails the test.
type frozen struct{ t *testing.T }

const (
	frozenUID = "11111111-2222-3333-4444-555555555555"
	pauseID   = "sha256:00"
	webID     = "sha256:01"
	unusedID  = "sha256:02"
)

func (frozen) Images(context.Context) ([]runtime.Image, error) {
	return []runtime.Image{
		{ID: pauseID, Tags: []string{"r.example/pause:1"}, Digests: []string{"r.example/pause@sha256:10"}, Size: 1},
		{ID: webID, Tags: []string{"r.example/web:1"}, Digests: []string{"r.example/web@sha256:11"}, Size: 1},
		{ID: unusedID, Tags: []string{"r.example/unused:1"}, Digests: []string{"r.example/unused@sha256:12"}, Size: 9 * mebi},
	}, nil
}

func (f frozen) Image(ctx context.Context, ref string) (runtime.Image, bool, error) {
	all, err := f.Images(ctx)
	for _, i := range all {
		if ref == i.ID || ref == i.Tags[0] || ref == i.Digests[0] {
			return i, true, err
		}
	}
	return runtime.Image{}, false, err
}

func (frozen) containers() []runtime.Container {
	var all []runtime.Container
	for attempt := range uint32(3) {
		all = append(all, runtime.Container{
			ID: fmt.Sprintf("c%d", attempt), Sandbox: "s1", Namespace: "shop", Pod: "web-0", PodUID: frozenUID, Name: "app", Attempt: attempt,
			Dead: attempt < 2, Running: attempt == 2, Created: time.Now().Add(-time.Hour), ImageRefs: []string{webID, "r.example/web:1"},
			Labels:   map[string]string{"io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.uid": frozenUID, "io.kubernetes.container.name": "app"},
			Finished: time.Now().Add(-time.Hour),
		})
	}
	return all
}

func (f frozen) Containers(context.Context) ([]runtime.Container, error) { return f.containers(), nil }

func (f frozen) Container(_ context.Context, id string) (runtime.Container, bool, error) {
	for _, c := range f.containers() {
		if c.ID == id {
			return c, true, nil
		}
	}
	return runtime.Container{}, false, nil
}

func (frozen) Sandboxes(context.Context) ([]runtime.Sandbox, error) {
	return []runtime.Sandbox{{ID: "s1", Namespace: "shop", Pod: "web-0", PodUID: frozenUID, Ready: true, ImageRefs: []string{"r.example/pause:1"},
		Labels: map[string]string{"io.kubernetes.pod.uid": frozenUID}}}, nil
}

func (frozen) Pods(context.Context) ([]node.Pod, error) {
	return []node.Pod{{Namespace: "shop", Name: "web-0", UID: frozenUID, Images: []string{"r.example/web:1"}}}, nil
}

func (frozen) Written(context.Context, string) (bytes, inodes int64, known bool, err error) {
	return mebi, 5, true, nil
}

func (frozen) Volumes(context.Context, string) (paths []string, known bool, err error) {
	return nil, true, nil
}

func (frozen) Since(id string) (time.Time, bool) {
	return time.Now().Add(-time.Hour), id == unusedID
}

func (f frozen) changed(what, id string) error {
	f.t.Errorf("%s %s in a dry run", what, id)
	return nil
}

func (f frozen) RemoveImage(_ context.Context, id string) error {
	return f.changed("image removed:", id)
}
func (f frozen) RemoveContainer(_ context.Context, id string) error {
	return f.changed("container removed:", id)
}
func (f frozen) RemoveSandbox(_ context.Context, id string) error {
	return f.changed("sandbox removed:", id)
}
func (f frozen) ReopenLog(_ context.Context, id string) error { return f.changed("log reopened:", id) }

// A tree is what lies in a folder: who changes it changes one of the lines.
func tree(t *testing.T, root string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		err = unix.Lstat(path, &st)
		lines = append(lines, fmt.Sprint(path, st.Mode, st.Ino, st.Nlink, st.Size, st.Blocks, st.Mtim, st.Ctim))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// dryKeys are keys of a policy without which a remedy has nothing to plan on the
// machine of the test; %s is its disk.
var dryKeys = map[string]string{
	"journal-vacuum": "keep: 0",
	"image-gc":       "registry: ignore",
	"ballast":        "path: %s/ballast",
	"exec":           "command: [%s/bin/program]",
}

// Every remedy, a new one too, has something to plan here, or the test says so:
// the tree it looks at can only be read, and the runtime lets nobody change it.
func TestHazardDryRunMutatesAnyway(t *testing.T) {
	m := newMachine(t)
	m.log("app", "0.log.20261101-100000", 5*mebi)
	m.log("app", "0.log.20261101-100001", 5*mebi)
	m.journalFile(archived(1), "archived", mebi)
	m.trusted(filepath.Join(m.disk, "ballast"))
	m.trusted(filepath.Join(m.disk, "bin"))
	ran := m.path("ran")
	for name, content := range map[string]string{
		"ballast/piece-00": strings.Repeat("x", mebi),
		"bin/program":      "#!/bin/sh\necho ran >" + ran + "\necho '{\"done\":true}'\n",
	} {
		if err := os.WriteFile(filepath.Join(m.disk, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	live := m.log("app", "2.log", 2*mebi)
	m.actor("append", live)

	m.fill(20 * mebi)

	e, store := m.dry(t)
	if err := unix.Mount(m.disk, m.disk, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(m.disk, unix.MNT_DETACH) })
	if err := unix.Mount("", m.disk, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := tree(t, m.disk)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { e.Run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	labels := map[string]string{"alertname": "HeadroomThresholdMet", "node": "node-1", "signal": "nodefs.available"}
	if err := e.Receive(ctx, []engine.Alert{{Firing: true, Labels: labels, StartsAt: time.Now(), Fingerprint: "1"}}); err != nil {
		t.Fatal(err)
	}
	var ep headroom.Episode
	until(t, "the episode is over", func() string { return fmt.Sprintf("%+v", ep) }, func() bool {
		cases, err := store.Load(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(cases) == 1 && cases[0].Last() != nil {
			ep = *cases[0].Last()
		}
		return ep.Phase == headroom.Over
	})
	if ep.Outcome != headroom.Planned || !ep.DryRun || len(ep.Rungs) != len(remedy.All) {
		t.Errorf("it is %s with %d rungs: %s", ep.Outcome, len(ep.Rungs), ep.Detail)
	}
	for _, r := range ep.Rungs {
		if r.Outcome != headroom.RungPlanned || r.Removed == nil || *r.Removed != (headroom.Amount{}) {
			t.Errorf("%s: %s, removed %+v; %s %q: it must have something to plan here", r.Remedy, r.Outcome, r.Removed, r.Error, r.Notes)
		}
	}
	if diff := cmp.Diff(before, tree(t, m.disk)); diff != "" {
		t.Errorf("the tree has changed:\n%s", diff)
	}
	if exists(ran)[0] {
		t.Error("the administrator's program ran")
	}
}

// dry is an engine that only plans, on the machine with a frozen runtime, by a
// policy whose ladder is of all remedies.
func (m *machine) dry(t *testing.T) (*engine.Engine, *journal.Journal) {
	t.Helper()
	var rungs []string
	for _, r := range remedy.All {
		keys := dryKeys[r.Name()]
		if strings.Contains(keys, "%s") {
			keys = fmt.Sprintf(keys, m.disk)
		}
		rungs = append(rungs, fmt.Sprintf("{remedy: %s, %s}", r.Name(), keys))
	}
	m.write("policy.yaml", `
cases:
  - match: ['signal="nodefs.available"']
    start: 60%
    target: 80%
    ladder: [`+strings.Join(rungs, ", ")+"]\n", 0o644)
	p, err := policy.Load(m.path("policy.yaml"), remedy.All)
	if err != nil {
		t.Fatal(err)
	}
	s := &settings{stdout: &output{}, stderr: &output{}}
	if _, err := parse(s, m.args()); err != nil {
		t.Fatal(err)
	}
	asked, err := s.node.Machine(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := asked.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	host, err := s.host(asked)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.close)
	r, ice := reader{node: asked.Node, source: asked.Source}, frozen{t}
	n := host.Node
	n.Runtime, n.Pods, n.Unused = ice, ice, ice
	n.Disk = func(ctx context.Context, role headroom.Filesystem) (node.Disk, error) {
		fs, err := asked.Node.Filesystem(ctx, role)
		return fs.Disk, err
	}
	store, err := journal.Open(m.path("journal"), journal.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return engine.New(engine.Config{
		Policy: p, Store: store, Reader: r, Node: n, DryRun: true, Logger: slog.New(slog.DiscardHandler),
		Metrics: engine.NewMetrics(prometheus.NewRegistry(), "node-1", p.Signals(), names(p), true),
	}), store
}
