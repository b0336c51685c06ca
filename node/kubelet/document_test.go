package kubelet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

var defaults = []string{
	"hard memory.available<100Mi", "hard nodefs.available<10%", "hard nodefs.inodesFree<5%",
	"hard imagefs.available<15%", "hard imagefs.inodesFree<5%", "hard allocatableMemory.available<100Mi",
}

// The verdicts are those of the kubelet v1.37.2 binary.
func TestFileIsReadAsTheKubeletReadsIt(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"no evictionHard means the defaults":        {head, defaults},
		"null means the defaults":                   {head + "evictionHard: null\n", defaults},
		"an empty map means none":                   {head + "evictionHard: {}\n", nil},
		"one key replaces them all":                 {head + "evictionHard: {memory.available: 500Mi}\n", []string{"hard memory.available<500Mi", "hard allocatableMemory.available<500Mi"}},
		"one key beside merged defaults":            {head + "mergeDefaultEvictionSettings: true\nevictionHard: {memory.available: 500Mi}\n", append([]string{"hard memory.available<500Mi"}, append(defaults[1:5:5], "hard allocatableMemory.available<500Mi")...)},
		"merged into an empty map":                  {head + "mergeDefaultEvictionSettings: true\nevictionHard: {}\n", defaults},
		"0% and 100% switch off":                    {head + "evictionHard: {nodefs.available: 0%, imagefs.available: 100%, pid.available: 10%}\n", []string{"hard pid.available<10%"}},
		"enforcing nothing leaves allocatable out":  {head + "enforceNodeAllocatable: []\nevictionHard: {memory.available: 1Gi}\n", []string{"hard memory.available<1Gi"}},
		"enforcing pods explicitly":                 {head + "enforceNodeAllocatable: [pods, kube-reserved]\nkubeReservedCgroup: /kube\nevictionHard: {memory.available: 1Gi}\n", []string{"hard memory.available<1Gi", "hard allocatableMemory.available<1Gi"}},
		"soft with grace and minimum reclaim":       {head + "evictionHard: {}\nevictionSoft: {nodefs.available: 15%}\nevictionSoftGracePeriod: {nodefs.available: 1m30s}\nevictionMinimumReclaim: {nodefs.available: 1Gi}\n", []string{"soft nodefs.available<15% for 1m30s +1Gi"}},
		"a name that nobody knows":                  {head + "evictionHardd: {a: b}\nmemoryz: [1]\n", defaults},
		"a name that differs in case":               {head + "EvictionHard: {memory.available: 1Gi}\n", defaults},
		"of a name given twice the last":            {head + "evictionHard: {memory.available: 1Gi}\nevictionHard: {pid.available: 5%}\n", []string{"hard pid.available<5%"}},
		"of a signal given twice the last":          {head + "evictionHard:\n  pid.available: 4%\n  pid.available: 5%\n", []string{"hard pid.available<5%"}},
		"of several documents the first":            {head + "evictionHard: {pid.available: 5%}\n---\n" + head + "evictionHard: {}\n", []string{"hard pid.available<5%"}},
		"a leading document marker":                 {"---\n" + head + "evictionHard: {pid.available: 5%}\n", []string{"hard pid.available<5%"}},
		"a value in the wrong field of other types": {head + "maxPods: 110\nevictionHard: {pid.available: '1000'}\n", []string{"hard pid.available<1000"}},
		"JSON":                  {`{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration","evictionHard":{"pid.available":"5%"}}`, []string{"hard pid.available<5%"}},
		"JSON indented by tabs": {"\n{\n\t\"apiVersion\":\"kubelet.config.k8s.io/v1beta1\",\n\t\"kind\":\"KubeletConfiguration\",\n\t\"evictionHard\":{}}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseFile([]byte(c.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(got.Thresholds)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFileThatAKubeletRefusesIsRefusedByFieldAndValue(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"an empty file":                    {"", "empty"},
		"only a comment":                   {"# later\n", `kind: "" is not KubeletConfiguration`},
		"an empty first document":          {"---\n---\n" + head, `kind: "" is not KubeletConfiguration`},
		"no kind":                          {"apiVersion: kubelet.config.k8s.io/v1beta1\n", `kind: ""`},
		"another kind":                     {"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: CredentialProviderConfig\n", `kind: "CredentialProviderConfig"`},
		"another version":                  {"apiVersion: kubelet.config.k8s.io/v1alpha1\nkind: KubeletConfiguration\n", `apiVersion: "kubelet.config.k8s.io/v1alpha1"`},
		"a kind that is a list":            {"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: [x]\n", "kind"},
		"tabs for indentation":             {head + "evictionHard:\n\tpid.available: 5%\n", "yaml: "},
		"YAML's flow style for the whole":  {"{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration}", "invalid character"},
		"JSON cut in half":                 {`{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"Kubelet`, "unexpected end"},
		"a list":                           {"- a\n- b\n", "cannot unmarshal array"},
		"a number for a threshold":         {head + "evictionHard: {memory.available: 100}\n", "evictionHard: memory.available: 100 is not a string"},
		"a string for all thresholds":      {head + "evictionHard: memory.available<100Mi\n", "evictionHard: \"memory.available<100Mi\": string where"},
		"a list for all thresholds":        {head + "evictionSoft: [a]\n", "evictionSoft: [\"a\"]: array where"},
		"a null threshold":                 {head + "evictionHard: {memory.available: null}\n", `evictionHard: memory.available: ""`},
		"a threshold above 100%":           {head + "evictionHard: {nodefs.available: 101%}\n", `evictionHard: nodefs.available: "101%" is above 100%`},
		"a threshold with a space":         {head + "evictionHard: {nodefs.available: '10 %'}\n", `evictionHard: nodefs.available: "10 %"`},
		"a suffix that is none":            {head + "evictionHard: {memory.available: 100MB}\n", `evictionHard: memory.available: "100MB"`},
		"a signal that is none":            {head + "evictionHard: {nodefs.free: 10%}\n", `evictionHard: unknown eviction signal "nodefs.free"`},
		"soft without grace":               {head + "evictionSoft: {nodefs.available: 15%}\n", "evictionSoftGracePeriod: nodefs.available"},
		"grace without a unit":             {head + "evictionSoftGracePeriod: {nodefs.available: '30'}\n", `evictionSoftGracePeriod: nodefs.available: "30"`},
		"minimum reclaim of 0%":            {head + "evictionMinimumReclaim: {nodefs.available: 0%}\n", `evictionMinimumReclaim: nodefs.available: "0%"`},
		"a transition period in seconds":   {head + "evictionPressureTransitionPeriod: 30\n", "evictionPressureTransitionPeriod: 30 "},
		"a transition period without unit": {head + "evictionPressureTransitionPeriod: '30'\n", `evictionPressureTransitionPeriod: "30"`},
		"a transition period of null":      {head + "evictionPressureTransitionPeriod: null\n", "evictionPressureTransitionPeriod: "},
		"image GC above 100":               {head + "imageGCHighThresholdPercent: 101\n", "imageGCHighThresholdPercent: 101"},
		"image GC below 0":                 {head + "imageGCLowThresholdPercent: -1\n", "imageGCLowThresholdPercent: -1"},
		"image GC upside down":             {head + "imageGCHighThresholdPercent: 80\n", "imageGCLowThresholdPercent: 80 is not below imageGCHighThresholdPercent, 80"},
		"image GC in quotes":               {head + "imageGCHighThresholdPercent: '85'\n", "imageGCHighThresholdPercent: \"85\": string where"},
		"image GC beyond 32 bits":          {head + "imageGCHighThresholdPercent: 4294967296\n", "imageGCHighThresholdPercent: 4294967296: number"},
		"merging in quotes":                {head + "mergeDefaultEvictionSettings: 'true'\n", "mergeDefaultEvictionSettings: \"true\": string where"},
		"a string to enforce":              {head + "enforceNodeAllocatable: pods\n", "enforceNodeAllocatable: \"pods\": string where"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFile([]byte(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestDefaultsBesideTheThresholds(t *testing.T) {
	for name, c := range map[string]struct {
		file      string
		period    time.Duration
		high, low int
	}{
		"nothing said":                  {head, 5 * time.Minute, 85, 80},
		"a period of 0s is the default": {head + "evictionPressureTransitionPeriod: 0s\n", 5 * time.Minute, 85, 80},
		"everything said":               {head + "evictionPressureTransitionPeriod: 30s\nimageGCHighThresholdPercent: 100\nimageGCLowThresholdPercent: 0\n", 30 * time.Second, 100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseFile([]byte(c.file))
			if err != nil {
				t.Fatal(err)
			}
			if got.TransitionPeriod != c.period || got.ImageGCHigh != c.high || got.ImageGCLow != c.low {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add(head + "evictionHard: {nodefs.available: 10%, pid.available: 5%}\nevictionSoft: {memory.available: 1Gi}\nevictionSoftGracePeriod: {memory.available: 1m}\n")
	f.Add(`{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration","evictionHard":{"pid.available":"5%"}}`)
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, data string) {
		c, err := ParseFile([]byte(data))
		if (c == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", data, c, err)
		}
	})
}

func lines(ts headroom.Thresholds) []string {
	var out []string
	for _, t := range ts {
		line := fmt.Sprintf("%s %s<%s", t.Eviction, t.Signal, t.Value)
		if t.Grace > 0 {
			line += " for " + t.Grace.String()
		}
		if t.MinReclaim != nil {
			line += " +" + t.MinReclaim.String()
		}
		out = append(out, line)
	}
	return out
}
