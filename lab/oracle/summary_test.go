package oracle

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
	evictionapi "k8s.io/kubernetes/pkg/kubelet/eviction/api"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

// What the kubelet observes in a summary is what we read in the same one, once it
// is JSON; and the same thresholds are met.
func TestSummary(t *testing.T) {
	c := compare(t)
	var served bytes.Buffer
	for c.compared < million/10 {
		summary := c.summary()
		served.Reset()
		if err := json.NewEncoder(&served).Encode(summary); err != nil {
			t.Fatal(err)
		}
		ours, err := kubelet.ParseSummary(bytes.NewReader(served.Bytes()))
		if err != nil {
			t.Fatalf("%v: %s", err, served.Bytes())
		}
		c.seen(summary, ours)
	}
}

// The same, asked of a server as of a kubelet.
func TestSummaryThatIsServed(t *testing.T) {
	c := compare(t)
	var summary *statsapi.Summary
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stats/summary" {
			http.NotFound(w, r)
			return
		}
		json.NewEncoder(w).Encode(summary)
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	viewer, err := kubelet.NewViewer(kubelet.Options{URL: server.URL, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	for c.compared < million/1000 {
		summary = c.summary()
		ours, err := viewer.Summary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.seen(summary, ours)
	}
}

func (c *comparison) seen(summary *statsapi.Summary, ours *kubelet.Summary) {
	c.Helper()
	c.compared++
	theirs, _ := makeSignalObservations(logr.Discard(), summary)
	if want, got := theirNumbers(theirs), ourNumbers(ours.Readings); !got.equal(want) || len(ours.Readings) != len(got) {
		c.differ("%+v: the kubelet observes%v\nwe read%v", summary.Node, want, got)
	}
	for _, r := range ours.Readings {
		if at := theirs[evictionapi.Signal(r.Signal)].time.Time; !at.Equal(r.At) {
			c.differ("%s: the kubelet has it of %s, we of %s", r.Signal, at, r.At)
		}
	}
	c.meet(theirs, ours)
}

// meet compares which thresholds of some configuration are met.
func (c *comparison) meet(theirs observations, ours *kubelet.Summary) {
	c.Helper()
	config, enforced := c.config()
	thresholds, refused := eviction.ParseThresholdConfig(enforced, config.Hard, config.Soft, config.SoftGracePeriod, config.MinimumReclaim)
	if refused != nil {
		return
	}
	all, err := config.Thresholds()
	if err != nil {
		c.Fatal(err) // compared elsewhere
	}
	var crossed headroom.Thresholds
	for _, t := range all {
		i := slices.IndexFunc(ours.Readings, func(r headroom.Reading) bool { return r.Signal == t.Signal })
		if i >= 0 && t.Met(ours.Readings[i]) {
			crossed = append(crossed, t)
		}
	}
	want := met(thresholds, theirs)
	if len(want) > 0 {
		c.yes++
	}
	if !alike(want, crossed) {
		c.differ("%v, %+v: to the kubelet these are met: %+v; to us %+v", theirNumbers(theirs), config, want, crossed)
	}
}

// summary returns one that a kubelet might serve, and some that only its code
// could.
func (d *dice) summary() *statsapi.Summary {
	var s statsapi.Summary
	s.Node.NodeName = "n1"
	s.Node.Memory = d.memory()
	for range d.IntN(5) {
		name := pick(d, []string{"kubelet", "runtime", "misc", "pods", "pods", "Pods", ""})
		s.Node.SystemContainers = append(s.Node.SystemContainers, statsapi.ContainerStats{Name: name, StartTime: d.moment(), Memory: d.memory()})
	}
	s.Node.Fs = d.fs()
	if d.in100(95) {
		s.Node.Runtime = &statsapi.RuntimeStats{ImageFs: d.fs(), ContainerFs: d.fs()}
		if d.in100(50) {
			s.Node.Runtime.ContainerFs = s.Node.Runtime.ImageFs
		}
	}
	if d.in100(90) {
		s.Node.Rlimit = &statsapi.RlimitStats{Time: d.moment(), MaxPID: d.signed(), NumOfRunningProcesses: d.signed()}
	}
	for range d.IntN(3) {
		s.Pods = append(s.Pods, statsapi.PodStats{PodRef: statsapi.PodReference{Name: "p", Namespace: "pods", UID: "node"}, Memory: d.memory(), EphemeralStorage: d.fs()})
	}
	return &s
}

func (d *dice) memory() *statsapi.MemoryStats {
	if d.in100(5) {
		return nil
	}
	return &statsapi.MemoryStats{Time: d.moment(), AvailableBytes: d.unsigned(), UsageBytes: d.unsigned(), WorkingSetBytes: d.unsigned(), RSSBytes: d.unsigned()}
}

func (d *dice) fs() *statsapi.FsStats {
	if d.in100(5) {
		return nil
	}
	return &statsapi.FsStats{
		Time: d.moment(), AvailableBytes: d.unsigned(), CapacityBytes: d.unsigned(), UsedBytes: d.unsigned(),
		InodesFree: d.unsigned(), Inodes: d.unsigned(), InodesUsed: d.unsigned(),
	}
}

// unsigned returns a figure, or nil.
func (d *dice) unsigned() *uint64 {
	if d.in100(5) {
		return nil
	}
	return new(d.amount())
}

func (d *dice) signed() *int64 {
	if d.in100(5) {
		return nil
	}
	return new(int64(d.amount()))
}

// moment returns a time as JSON keeps it, in whole seconds, or none.
func (d *dice) moment() metav1.Time {
	if d.in100(5) {
		return metav1.Time{}
	}
	return metav1.NewTime(time.Unix(d.Int64N(1<<33), 0))
}
