package oracle

import (
	"context"
	"fmt"
	"maps"
	"testing"
	_ "unsafe" // go:linkname

	"github.com/go-logr/logr"
	cadvisorapi "github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/google/cadvisor/lib/utils/sysinfo"
	"github.com/opencontainers/cgroups"
	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/kubelet/cadvisor"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	serverstats "k8s.io/kubernetes/pkg/kubelet/server/stats"
	"k8s.io/kubernetes/pkg/kubelet/stats"

	"github.com/nodeheadroom/headroom"
)

// A measurer is the part of a kubelet that measures, put together as the kubelet puts it
// together. What it lacks is pods.
type measurer struct {
	*stats.Provider // cadvisor's figures, and those of the runtime
	itself
	cadvisor cadvisor.Interface
	summary  serverstats.SummaryProvider
}

// itself is what the kubelet answers from its own knowledge.
type itself struct {
	unasked
	node      *corev1.Node
	podCgroup string
}

// unasked is what nobody asks where there are no pods. It lies so deep that what
// the real provider has comes first.
type unasked struct{ serverstats.Provider }

func (k *itself) GetNode(context.Context) (*corev1.Node, error) { return k.node, nil }
func (k *itself) GetNodeConfig() cm.NodeConfig                  { return cm.NodeConfig{} }
func (k *itself) GetPodCgroupRoot() string                      { return k.podCgroup }

// Whether the machine has cgroup v2 is asked of the kernel once.
//
//go:linkname isUnified github.com/opencontainers/cgroups.isUnified
var isUnified bool

// startMeasurer starts one on this machine as it is mounted now. There can be one
// in a process.
func startMeasurer(t *testing.T, m *machine) *measurer {
	t.Helper()
	klog.SetLogger(logr.Discard())
	cgroups.IsCgroup2UnifiedMode()
	isUnified = m.v2
	disks, err := cadvisor.New(logr.Discard(), nil, m.rootDir, []string{m.podCgroup}, false, true, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := disks.Start(); err != nil {
		t.Fatal(err)
	}
	k := &measurer{
		Provider: stats.NewCRIStatsProvider(disks, nil, nil, noPods{}, images{path: m.imageDir}, nil, false, false, nil),
		itself:   itself{node: &corev1.Node{}, podCgroup: m.podCgroup},
		cadvisor: disks,
	}
	k.summary = serverstats.NewSummaryProvider(t.Context(), k)
	return k
}

// observe takes a summary as the eviction manager does before it decides, and
// makes its observations of it.
func (k *measurer) observe(t *testing.T) observations {
	t.Helper()
	k.refresh(t)
	summary, err := k.summary.Get(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	seen, _ := makeSignalObservations(logr.Discard(), summary)
	return seen
}

// refresh has cadvisor read again what it keeps for 5 seconds: the limits. And the
// kubelet publishes the huge pages there are.
func (k *measurer) refresh(t *testing.T) {
	t.Helper()
	for _, name := range []string{"/", k.podCgroup} {
		if _, err := k.cadvisor.GetRequestedContainersInfo(name, cadvisorapi.RequestOptions{IdType: cadvisorapi.TypeName, Count: 1}); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := sysinfo.GetHugePagesInfo(sysfs.NewRealSysFs(), hugePages)
	if err != nil {
		t.Fatal(err)
	}
	k.node.Status.Capacity = cadvisor.CapacityFromMachineInfo(&cadvisorapi.MachineInfo{HugePages: pages})
}

// countHugePages makes it a kubelet since 1.37, or before.
func countHugePages(t *testing.T, yes bool) {
	t.Helper()
	if utilfeature.DefaultFeatureGate.Enabled(features.HugepageAwareEviction) == yes {
		return
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{string(features.HugepageAwareEviction): yes}); err != nil {
		t.Fatal(err)
	}
}

// noPods is a runtime without pods.
type noPods struct{ cri.RuntimeService }

func (noPods) ListPodSandbox(context.Context, *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	return nil, nil
}

func (noPods) ListContainers(context.Context, *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	return nil, nil
}

func (noPods) ListContainerStats(context.Context, *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	return nil, nil
}

// images is a runtime's image store.
type images struct {
	cri.ImageManagerService
	path string
}

func (i images) ImageFsInfo(context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	return &runtimeapi.ImageFsInfoResponse{ImageFilesystems: []*runtimeapi.FilesystemUsage{{
		FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: i.path}, UsedBytes: &runtimeapi.UInt64Value{},
	}}}, nil
}

// numbers are what is compared of observations and readings.
type numbers map[headroom.Signal]struct{ available, capacity int64 }

func theirNumbers(seen observations) numbers {
	n := make(numbers)
	for s, o := range seen {
		n[headroom.Signal(s)] = struct{ available, capacity int64 }{o.available.Value(), o.capacity.Value()}
	}
	return n
}

func ourNumbers(readings []headroom.Reading) numbers {
	n := make(numbers)
	for _, r := range readings {
		n[r.Signal] = struct{ available, capacity int64 }{r.Available, r.Capacity}
	}
	return n
}

func (n numbers) equal(o numbers) bool { return maps.Equal(n, o) }

func (n numbers) String() string {
	var s string
	for _, signal := range headroom.Signals() {
		if r, ok := n[signal]; ok {
			s += fmt.Sprintf("\n\t%s %d of %d", signal, r.available, r.capacity)
		}
	}
	return s
}
