package kubelet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// first is the first threshold of a configuration, or why there is none.
func first(c *Configuration) string {
	if c == nil {
		return "unknown"
	}
	if len(c.Thresholds) == 0 {
		return "none"
	}
	return lines(c.Thresholds)[0]
}

func TestKubeletKeepsWhatItBeganWithUntilItRestarts(t *testing.T) {
	path := config(t, head+"evictionHard: {pid.available: 5%}\n")
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet", "--config=" + path}, at{started: 1000})
	s := source(t, Options{Proc: h.proc})
	for _, c := range []struct {
		step         string
		do           func()
		runs, onDisk string
		err          string
	}{
		{"at first", func() {}, "hard pid.available<5%", "hard pid.available<5%", ""},
		{"when its file changes", func() { rewrite(t, path, head+"evictionHard: {pid.available: 6%}\n") }, "hard pid.available<5%", "hard pid.available<6%", ""},
		{"when its file is broken", func() { rewrite(t, path, head+"evictionHard: {pid.available: 600%}\n") }, "hard pid.available<5%", "unknown", ""},
		{"when its file is mended", func() { rewrite(t, path, head+"evictionHard: {pid.available: 7%}\n") }, "hard pid.available<5%", "hard pid.available<7%", ""},
		{"when it restarts with the same number", func() {
			h.add(99, "kubelet", []string{"kubelet", "--config=" + path}, at{started: 2000})
		}, "hard pid.available<7%", "hard pid.available<7%", ""},
		{"when it is gone", func() { h.remove(99) }, "hard pid.available<7%", "hard pid.available<7%", "no kubelet runs here"},
		{"when it is back with a flag", func() {
			h.add(100, "kubelet", []string{"kubelet", "--config=" + path, "--eviction-hard=pid.available<8%"}, at{})
		}, "hard pid.available<8%", "hard pid.available<8%", ""},
		{"when another one starts beside it", func() { h.add(98, "kubelet", []string{"kubelet"}, at{}) }, "hard pid.available<8%", "hard pid.available<8%", ""},
		{"when it has died", func() { h.add(100, "kubelet", nil, at{state: "Z"}) }, "none", "none", ""},
	} {
		c.do()
		err := s.Refresh(t.Context())
		if (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", c.step, err)
		}
		got, err := s.Configuration()
		if err != nil {
			t.Fatalf("%s: %v", c.step, err)
		}
		if first(got) != c.runs || first(got.OnDisk) != c.onDisk {
			t.Errorf("%s: runs with %s, on disk is %s", c.step, first(got), first(got.OnDisk))
		}
	}
}

func TestReleaseThatBecomesKnownIsReckonedWith(t *testing.T) {
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet"}, at{})
	var known release
	k := &running{proc: h.proc, release: func() release { return known }}
	for _, c := range []struct {
		known release
		want  string
	}{{0, "none"}, {25, "hard memory.available<100Mi"}} {
		known = c.known
		if got, err := k.configuration(t.Context()); err != nil || first(got) != c.want {
			t.Errorf("%d: %s, %v", known, first(got), err)
		}
	}
}

func TestCgroupOfThePods(t *testing.T) {
	for name, c := range map[string]struct {
		fields string
		want   []string
	}{
		"by default":               {"", []string{"/kubepods", "/kubepods.slice"}},
		"by systemd":               {"cgroupDriver: systemd\n", []string{"/kubepods.slice", "/kubepods"}},
		"below another":            {"cgroupRoot: /my-pods/a/\n", []string{"/my-pods/a/kubepods", "/my_pods.slice/my_pods-a.slice/my_pods-a-kubepods.slice"}},
		"none without one per QOS": {"cgroupsPerQOS: false\nenforceNodeAllocatable: []\n", nil},
	} {
		got, err := ParseFile([]byte(head + c.fields))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got.PodCgroups); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWhatCommandLineAndFilesSayBesideThresholds(t *testing.T) {
	path := config(t, head+"cgroupRoot: /kubelet\ncgroupDriver: systemd\nfeatureGates: {AllBeta: false}\nevictionHard: {nodefs.available: 0%}\n")
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet", "--config=" + path, "--root-dir=/data/kubelet", "--container-runtime-endpoint=/run/x.sock", "--image-gc-high-threshold=90"}, at{})
	s := source(t, Options{Proc: h.proc})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	if got.RootDir != "/data/kubelet" || got.RuntimeEndpoint != "unix:///run/x.sock" || got.HugePages || got.ImageGCHigh != 90 || got.Source != "flags" || got.HardOnly {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"/kubelet.slice/kubelet-kubepods.slice", "/kubelet/kubepods"}, got.PodCgroups); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"nodefs.available": "0%"}, got.Hard); diff != "" {
		t.Error(diff)
	}
}

func TestIgnoredEvictionLeavesThePodsCgroupWithoutThreshold(t *testing.T) {
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet", "--eviction-hard=memory.available<1Gi,allocatableMemory.available<2Gi", "--experimental-allocatable-ignore-eviction"}, at{})
	want := []string{"hard memory.available<1Gi", "hard allocatableMemory.available<2Gi"}
	server := serve(t, answer(`{"kubeletconfig":{"evictionHard":{"memory.available":"1Gi","allocatableMemory.available":"2Gi"},"enforceNodeAllocatable":["pods"],"imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`))
	for _, o := range []Options{{Proc: h.proc}, {Proc: h.proc, URL: server.URL, InsecureSkipVerify: true}} {
		s := source(t, o)
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := s.Configuration()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lines(got.Thresholds)); diff != "" {
			t.Errorf("%s: %s", got.Source, diff)
		}
	}
}

func TestErrorNamesTheKubeletAndWhatIsWrong(t *testing.T) {
	path := config(t, head+"evictionHard: {pid.available: 500%}\n")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a threshold":         {[]string{"--config=" + path}, `kubelet 99: evictionHard: pid.available: "500%" is above 100%`},
		"a file":              {[]string{"--config=/absent"}, "kubelet 99: --config: open /absent: no such file"},
		"a folder":            {[]string{"--config-dir=/absent"}, "kubelet 99: --config-dir: open /absent: no such file"},
		"a drop-in":           {[]string{"--config-dir=" + filepath.Dir(config(t, "")) + "/"}, ""},
		"a flag":              {[]string{"--image-gc-high-threshold=x"}, `kubelet 99: --image-gc-high-threshold: "x": not a number`},
		"a flag without <":    {[]string{"--eviction-hard=a=1"}, `kubelet 99: --eviction-hard: "a=1": "a=1" holds no "<"`},
		"a gate":              {[]string{"--feature-gates=A=1,B=x"}, `B: "x" is neither true nor false`},
		"enforcement":         {[]string{"--enforce-node-allocatable=Pods"}, `enforceNodeAllocatable: "Pods" is none of pods,`},
		"image GC":            {[]string{"--image-gc-high-threshold=10"}, "imageGCLowThresholdPercent: 80 is not below imageGCHighThresholdPercent, 10"},
		"a word":              {[]string{"word"}, `argument "word": is neither`},
		"a flag with no more": {[]string{"--config"}, "--config: has no value"},
	} {
		h := newHost(t)
		h.add(99, "kubelet", append([]string{"kubelet"}, c.args...), at{})
		err := source(t, Options{Proc: h.proc}).Refresh(t.Context())
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
