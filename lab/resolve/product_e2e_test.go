//go:build e2e

package resolve

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/tools"
	"github.com/nodeheadroom/headroom/node/kubelet"
)

var (
	seed  = flag.Uint64("seed", 2, "which cases to make for the product, beside those on record")
	count = flag.Int("count", 300, "how many")
)

func TestProductResolvesAsTheKubeletDoes(t *testing.T) {
	program, err := tools.Path("kubelet")
	if err != nil {
		t.Fatal(err)
	}
	cases := Generate(*seed, *count)
	if err := AskAll(t.Context(), program, cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			want, refused := c.expected(t)
			got, err := resolve(t, c)
			if (err != nil) != (refused != "") {
				t.Fatalf("the product says: %v\nthe kubelet refuses: %s\n%+v", err, refused, c)
			}
			if diff := cmp.Diff(want, got, cmp.Transformer("text", headroom.Value.String)); err == nil && diff != "" {
				t.Errorf("-kubelet +product:\n%s\n%+v", diff, c)
			}
		})
	}
}

// resolved is what is compared.
type resolved struct {
	Hard       map[string]string
	Thresholds headroom.Thresholds
	Period     time.Duration
	High, Low  int
	Endpoint   string
	HugePages  bool
}

// expected is what the kubelet's configuration comes to, or why it would not
// start. It parses thresholds only after it has told its configuration.
func (c Case) expected(t *testing.T) (resolved, string) {
	t.Helper()
	if c.Refused != "" {
		return resolved{}, c.Refused
	}
	var e struct {
		EvictionHard, EvictionSoft, EvictionSoftGracePeriod, EvictionMinimumReclaim map[string]string
		EvictionPressureTransitionPeriod, ContainerRuntimeEndpoint                  string
		ImageGCHighThresholdPercent, ImageGCLowThresholdPercent                     int
		EnforceNodeAllocatable                                                      []string
		FeatureGates                                                                map[string]bool
	}
	if err := json.Unmarshal(c.Effective, &e); err != nil {
		t.Fatal(err)
	}
	period, err := time.ParseDuration(e.EvictionPressureTransitionPeriod)
	if err != nil {
		t.Fatal(err)
	}
	thresholds, err := headroom.EvictionConfig{
		Hard: e.EvictionHard, Soft: e.EvictionSoft, SoftGracePeriod: e.EvictionSoftGracePeriod,
		MinimumReclaim: e.EvictionMinimumReclaim, EnforcePods: slices.Contains(e.EnforceNodeAllocatable, "pods"),
	}.Thresholds()
	if err != nil {
		return resolved{}, err.Error()
	}
	huge, named := e.FeatureGates["HugepageAwareEviction"]
	r := resolved{
		Hard: e.EvictionHard, Thresholds: thresholds, Period: period,
		High: e.ImageGCHighThresholdPercent, Low: e.ImageGCLowThresholdPercent,
		Endpoint: e.ContainerRuntimeEndpoint, HugePages: huge || !named,
	}
	if r.Hard == nil {
		r.Hard = map[string]string{}
	}
	if strings.HasPrefix(r.Endpoint, "/") {
		r.Endpoint = "unix://" + r.Endpoint
	}
	return r, ""
}

// resolve asks the product, to which a folder looks like the kubelet's process.
func resolve(t *testing.T, c Case) (resolved, error) {
	t.Helper()
	dir := t.TempDir()
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	proc := t.TempDir()
	process := filepath.Join(proc, "4711")
	line := strings.Join(append([]string{"kubelet"}, c.Command(dir)...), "\x00") + "\x00"
	fake := Case{
		Files: map[string]string{
			"cmdline": line,
			"stat":    "4711 (kubelet) S 1" + strings.Repeat(" 0", 40) + "\n",
			"status":  "Name:\tkubelet\nUid:\t0\t0\t0\t0\n",
		},
		Links: map[string]string{"root": "/", "cwd": dir},
	}
	if err := os.Mkdir(process, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := fake.Write(process); err != nil {
		t.Fatal(err)
	}
	source, err := kubelet.NewSource(kubelet.Options{Proc: proc, Version: "v1.37.2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Refresh(t.Context()); err != nil {
		return resolved{}, err
	}
	k, err := source.Configuration()
	if err != nil {
		return resolved{}, err
	}
	return resolved{k.Hard, k.Thresholds, k.TransitionPeriod, k.ImageGCHigh, k.ImageGCLow, k.RuntimeEndpoint, k.HugePages}, nil
}
