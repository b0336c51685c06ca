//go:build e2e

package remedies

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/node/kubelet"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

var optedOut = map[string]string{"nodeheadroom.io/opt-out": "true"}

// The same pods twice, of which one kind has opted out: by what the kubelet knows of
// it, and without the kubelet by what its sandbox was made with.
func TestWhoHasOptedOutStaysAsItIsOnARealNode(t *testing.T) {
	c := cluster.Start(t)
	n := crashes(t, c, still)
	viewer, err := kubelet.NewViewer(kubelet.Options{URL: n.URL, CAFile: c.CA(), CertFile: c.Admin().Cert, KeyFile: c.Admin().Key})
	if err != nil {
		t.Fatal(err)
	}
	var out, in []cluster.Workload
	for name, annotations := range map[string]map[string]string{"in": nil, "out": optedOut} {
		logging := writes(name+"-logging", n, 60_000, 16<<20)
		crashing := cluster.Workload{Name: name + "-crashing", Node: n, Image: crashImage, Containers: map[string][]string{
			name: {"/data/worker", "2000000", "1", "0", "3"},
		}}
		logging.Annotations, crashing.Annotations = annotations, annotations
		c.StartPods(t, logging)
		if err := c.Apply(t.Context(), crashing); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Delete(t.Context(), crashing) })
		if annotations == nil {
			in = append(in, logging, crashing)
		} else {
			out = append(out, logging, crashing)
		}
	}
	r := reclaim(t, n)
	for _, w := range []cluster.Workload{in[0], out[0]} {
		_, pod := folderOf(t, c, n, w, "worker")
		written(t, n, pod)
	}
	stays(t, c, in[1], 3)
	stays(t, c, out[1], 3)
	state := func(all []cluster.Workload, container string) map[string]string {
		logs := map[string]string{"dead": fmt.Sprint(r.dead(container))}
		for _, w := range all {
			_, pod := folderOf(t, c, n, w, "worker")
			files, err := filepath.Glob(filepath.Join(n.PodLogs(), "*_"+pod.Metadata.UID, "*", "*"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			for _, file := range files {
				var st unix.Stat_t
				if err := unix.Stat(file, &st); err != nil {
					t.Fatal(err)
				}
				logs[file] = fmt.Sprintf("inode %d, %d bytes in %d blocks since %v", st.Ino, st.Size, st.Blocks, st.Mtim)
			}
		}
		return logs
	}
	remedies := func(keys string) []remedy.Remedy {
		return []remedy.Remedy{
			with(t, remedy.LogReclaim{}, "{minSize: 64Ki"+keys+"}"), with(t, remedy.ContainerPrune{}, "{minAge: 0s"+keys+"}"),
		}
	}
	outside, inside := state(out, "out"), state(in, "in")
	for _, rm := range remedies(", excludeNamespaces: [default]") {
		if plan, removed, notes := r.run(rm, nil); len(plan.Items) > 0 || removed != (headroom.Amount{}) {
			t.Errorf("%s plans %+v, removed %+v in a namespace that is excluded: %q", rm.Name(), plan.Items, removed, notes)
		}
	}
	if diff := cmp.Diff(inside, state(in, "in")); diff != "" {
		t.Error(diff)
	}
	for _, rm := range remedies("") { // nobody can be asked but the runtime
		_, removed, notes := r.run(rm, nil)
		if removed.Bytes == 0 || !strings.Contains(strings.Join(notes, "\n"), "its pod has opted out") {
			t.Errorf("%s removed %+v: %q", rm.Name(), removed, notes)
		}
	}
	if diff := cmp.Diff(outside, state(out, "out")); diff != "" {
		t.Error(diff)
	}
	if maps.Equal(inside, state(in, "in")) {
		t.Error("nothing was done to who has not opted out")
	}
	// One that opts out while it runs is known to the kubelet alone.
	late := writes("late-logging", n, 60_000, 16<<20)
	c.StartPods(t, late)
	_, pod := folderOf(t, c, n, late, "worker")
	written(t, n, pod)
	if err := c.Do(t.Context(), "PATCH", "/api/v1/namespaces/default/pods/late-logging", map[string]any{"metadata": map[string]any{"annotations": optedOut}}, nil); err != nil {
		t.Fatal(err)
	}
	r.node.Pods = viewer
	eventually(t, "the kubelet to hear of it", func() error {
		pods, err := viewer.Pods(t.Context())
		if err != nil {
			return err
		}
		for _, p := range pods {
			if p.Name == "late-logging" && p.Annotations["nodeheadroom.io/opt-out"] == "true" {
				return nil
			}
		}
		return fmt.Errorf("not among %d pods", len(pods))
	})
	outside = state(append(out, late), "out")
	for _, rm := range remedies("") {
		_, _, notes := r.run(rm, nil)
		if !strings.Contains(strings.Join(notes, "\n"), "its pod has opted out") {
			t.Errorf("%s: %q", rm.Name(), notes)
		}
	}
	if diff := cmp.Diff(outside, state(append(out, late), "out")); diff != "" {
		t.Error(diff)
	}
}
