package kubelet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReleaseIsReadFromWhateverVendorsMakeOfIt(t *testing.T) {
	for version, want := range map[string]release{
		"v1.37.2": 37, "1.29.4": 29, "v1.29.4+k3s1": 29, "v1.27.3-gke.100": 27, "v1.7": 7, "v1.30": 30,
		"": 0, "v2.1.0": 0, "v1.": 0, "v1.x": 0, "1": 0, "v0.0.0-master": 0,
	} {
		if got := parseRelease(version); got != want {
			t.Errorf("%q: %d, want %d", version, got, want)
		}
	}
}

func TestDefaultsAreThoseOfTheRelease(t *testing.T) {
	all := []string{"hard memory.available<100Mi", "hard nodefs.available<10%", "hard nodefs.inodesFree<5%", "hard imagefs.available<15%", "hard imagefs.inodesFree<5%"}
	pods := "hard allocatableMemory.available<100Mi"
	four := append(all[:4:4], pods)
	for name, c := range map[string]struct {
		version string
		config  string // empty: none
		args    []string
		want    []string
	}{
		"1.37 without a file has none":               {"v1.37.2", "", nil, nil},
		"1.26 without a file has none":               {"v1.26.0", "", nil, nil},
		"1.25 without a file has them":               {"v1.25.16", "", nil, four},
		"1.8 without a file has three":               {"v1.8.0", "", nil, append(all[:3:3], pods)},
		"1.25 with an empty map has none":            {"v1.25.16", "evictionHard: {}\n", nil, nil},
		"1.25 with a flag has the flag's":            {"v1.25.16", "", []string{"--eviction-hard=pid.available<5%"}, []string{"hard pid.available<5%"}},
		"1.25 with an empty flag has none":           {"v1.25.16", "", []string{"--eviction-hard="}, nil},
		"1.30 knows imagefs.inodesFree":              {"v1.30.0", "maxPods: 1\n", nil, append(all[:5:5], pods)},
		"1.29 does not":                              {"v1.29.9", "maxPods: 1\n", nil, four},
		"1.33 merges defaults":                       {"v1.33.0", "mergeDefaultEvictionSettings: true\nevictionHard: {memory.available: 100Mi}\n", nil, append(all[:5:5], pods)},
		"1.32 does not":                              {"v1.32.0", "mergeDefaultEvictionSettings: true\nevictionHard: {memory.available: 100Mi}\n", nil, append(all[:1:1], pods)},
		"an unknown version is taken for the newest": {"", "mergeDefaultEvictionSettings: true\nevictionHard: {memory.available: 100Mi}\n", nil, append(all[:5:5], pods)},
		"1.8 takes the last of two flags":            {"v1.8.0", "", []string{"--eviction-hard=pid.available<5%", "--eviction-hard=memory.available<100Mi"}, append(all[:1:1], pods)},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"kubelet"}, c.args...)
			if c.config != "" {
				args = append(args, "--config="+config(t, head+c.config))
			}
			h := newHost(t)
			h.add(99, "kubelet", args, at{})
			s := source(t, Options{Proc: h.proc, Version: c.version})
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := s.Configuration()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(got.Thresholds)); diff != "" {
				t.Error(diff)
			}
			if got.HugePages != parseRelease(c.version).since(37) {
				t.Errorf("huge pages: %v", got.HugePages)
			}
		})
	}
}

func TestVersionThatIsNoneIsRefused(t *testing.T) {
	if _, err := NewSource(Options{Version: "latest"}); err == nil {
		t.Error("no error")
	}
}
