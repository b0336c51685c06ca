package exporter

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

const halfOfNodeFS = `"nodefs.available":"50%"`

func TestProgramAsksAKubelet(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 1)
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, append(k.args(t), "--path.nodefs="+dir, "--path.imagefs="+dir, "--kubelet.config=/not/looked/at")...)
	s := p.scrape(t)
	s.want(t, `headroom_thresholds_info{source="configz",kubelet_version="v1.37.2"}`, 1)
	s.want(t, `headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`, 1<<19)
	s.want(t, `headroom_threshold_bytes{signal="containerfs.available",eviction="hard"}`, 1<<19)
	s.want(t, `headroom_threshold_enabled{signal="memory.available",eviction="hard"}`, 0)
	s.want(t, `headroom_config_problem{problem="threshold_omitted",signal="memory.available"}`, 1)
	s.want(t, `headroom_config_problem{problem="threshold_omitted",signal="nodefs.available"}`, 0)

	p.await(t, `headroom_read_success{reader="metrics"}`, 1)
	s = p.await(t, `headroom_read_success{reader="summary"}`, 1)
	s.want(t, `headroom_evictions_total{signal="nodefs.available"}`, 3)
	s.want(t, `headroom_evictions_total{signal="ephemeralpodfs.limit"}`, 0)
	// The node has all of nodefs left, the kubelet sees half of it.
	s.want(t, `headroom_kubelet_divergence_ratio{signal="nodefs.available",of="available"}`, -0.5)
	s.want(t, `headroom_kubelet_divergence_ratio{signal="nodefs.available",of="capacity"}`, 0)
	s.want(t, `headroom_config_problem{problem="filesystem_stale",signal="nodefs.available"}`, 0)
	s.want(t, `headroom_consumer_bytes{filesystem="nodefs",kind="logs",namespace="shop",pod="pod-00000",container="c4"}`, 5)
	s.want(t, `headroom_consumer_pids{filesystem="",kind="processes",namespace="shop",pod="pod-00000",container=""}`, 1)
}

// A filesystem was mounted after the kubelet had started.
func TestProgramSeesThatTheKubeletWatchesAnotherDisk(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 1)
	nodefs, imagefs := nodetest.Tmpfs(t, 1<<20, 0), nodetest.Tmpfs(t, 4<<20, 0)
	p := start(t, append(k.args(t), "--path.nodefs="+nodefs, "--path.imagefs="+imagefs)...)
	s := p.await(t, `headroom_read_success{reader="summary"}`, 1)
	s.want(t, `headroom_kubelet_divergence_ratio{signal="imagefs.available",of="capacity"}`, -0.75)
	s.want(t, `headroom_config_problem{problem="filesystem_stale",signal="imagefs.available"}`, 1)
	s.want(t, `headroom_config_problem{problem="filesystem_stale",signal="nodefs.available"}`, 0)
}

func TestProgramFollowsAKubeletThatRestarts(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 1)
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, append(k.args(t), "--path.nodefs="+dir, "--path.imagefs="+dir, "--kubelet.interval=1s")...)
	p.await(t, `headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`, 1<<19)
	k.restarts(`"nodefs.available":"25%","pid.available":"1k"`)
	s := p.await(t, `headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`, 1<<18)
	s.want(t, `headroom_threshold_enabled{signal="pid.available",eviction="hard"}`, 1)
	s.want(t, `headroom_threshold_pids{signal="pid.available",eviction="hard"}`, 1000)
	s.want(t, `headroom_read_success{reader="thresholds"}`, 1)
}

func TestProgramSeesThatFilesSayOtherwise(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 1)
	proc := procOf(t, "kubelet", "--config="+file(t, head+"evictionHard: {nodefs.available: 25%}\n"))
	p := start(t, append(k.args(t), "--kubelet.process", "--path.procfs="+proc)...)
	s := p.await(t, `headroom_read_success{reader="thresholds"}`, 1)
	s.want(t, `headroom_thresholds_info{source="configz",kubelet_version="v1.37.2"}`, 1)
	s.want(t, `headroom_config_problem{problem="restart_pending",signal="nodefs.available"}`, 1)
	s.want(t, `headroom_config_problem{problem="restart_pending",signal="memory.available"}`, 0)
}

// procOf returns a procfs that shows one process.
func procOf(t *testing.T, argv ...string) string {
	t.Helper()
	proc := t.TempDir()
	dir := filepath.Join(proc, "99")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cmdline": strings.Join(argv, "\x00") + "\x00",
		"stat":    "99 (" + argv[0] + ") S 1 1 1 0 -1 4194560 1 0 0 0 5 3 0 0 20 0 12 0 1000 1 2\n",
		"status":  "Name:\t" + argv[0] + "\nUid:\t0\t0\t0\t0\nNSpid:\t99\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"root", "cwd"} {
		if err := os.Symlink("/", filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func TestProgramAsksTheRuntimeWhereItsFilesAre(t *testing.T) {
	nodefs, images := nodetest.Tmpfs(t, 1<<20, 0), nodetest.Tmpfs(t, 4<<20, 0)
	socket := filepath.Join(t.TempDir(), "docker.sock")
	docker := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "{\"DockerRootDir\":%q}", images)
	}))
	docker.Listener.Close()
	var err error
	if docker.Listener, err = net.Listen("unix", socket); err != nil {
		t.Fatal(err)
	}
	docker.Start()
	defer docker.Close()
	p := start(t, "--path.nodefs="+nodefs, "--runtime.endpoint=unix://"+socket, "--kubelet.assume="+file(t, head))
	s := p.await(t, `headroom_read_success{reader="runtime"}`, 1)
	s.want(t, `headroom_signal_capacity_bytes{signal="imagefs.available"}`, 4<<20)
	s.want(t, `headroom_signal_capacity_bytes{signal="containerfs.available"}`, 4<<20)
	s.want(t, `headroom_signal_capacity_bytes{signal="nodefs.available"}`, 1<<20)
}

// A default that is not asked for could be another disk.
func TestImageFilesystemIsUnknownUntilTheRuntimeHasAnswered(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, "--path.nodefs="+dir, "--runtime.endpoint=unix:///absent/runtime.sock", "--kubelet.assume="+file(t, head))
	s := p.await(t, `headroom_read_success{reader="runtime"}`, 0)
	s.want(t, `headroom_read_success{reader="nodefs"}`, 1)
	s.absent(t, `headroom_read_success{reader="imagefs"}`)
	s.absent(t, `headroom_signal_capacity_bytes{signal="imagefs.available"}`)
	s.absent(t, `headroom_threshold_enabled{signal="containerfs.available",eviction="hard"}`)
	s.want(t, `headroom_threshold_enabled{signal="imagefs.available",eviction="hard"}`, 1)
}

func TestProgramServesTheRestOfAFailingKubelet(t *testing.T) {
	readers := map[string]string{"/configz": "thresholds", "/stats/summary": "summary", "/metrics": "metrics"}
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	for path, failed := range readers {
		for how, failure := range failures {
			if path == "/metrics" && how == "answers half as if it were all" {
				continue // it cannot be told from all
			}
			if path == "/metrics" && how == "hangs" {
				continue // the source of thresholds asks it for the version, and waits
			}
			t.Run(path+" "+how, func(t *testing.T) {
				k := newKubelet(t, halfOfNodeFS, 1)
				k.fails(path, failure)
				p := start(t, append(k.args(t), "--path.nodefs="+dir, "--path.imagefs="+dir)...)
				for _, reader := range readers {
					if reader != failed {
						p.await(t, fmt.Sprintf("headroom_read_success{reader=%q}", reader), 1)
					}
				}
				failing := fmt.Sprintf("headroom_read_success{reader=%q}", failed)
				s := p.scrape(t)
				if how != "hangs" || failed == "thresholds" { // what hangs has no outcome for a while
					s = p.await(t, failing, 0)
				} else {
					s.absent(t, failing)
				}
				s.want(t, `headroom_read_success{reader="nodefs"}`, 1)
				s.want(t, `headroom_signal_capacity_bytes{signal="nodefs.available"}`, 1<<20)
				for series, of := range map[string]string{
					`headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`:        "thresholds",
					`headroom_kubelet_divergence_ratio{signal="nodefs.available",of="capacity"}`: "summary",
					`headroom_evictions_total{signal="nodefs.available"}`:                        "metrics",
				} {
					if _, ok := s[series]; ok == (of == failed) {
						t.Errorf("%s is there: %t", series, ok)
					}
				}
			})
		}
	}
}

func TestConsumersAreBoundedHoweverManyPodsThereAre(t *testing.T) {
	k := newKubelet(t, halfOfNodeFS, 200)
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	for n, want := range map[int]int{
		0: 0,
		1: 7, // bytes and inodes of nodefs, imagefs, containerfs; processes
		// All images are one consumer.
		10:  2*(10+1+10) + 10,
		100: 2*(100+1+100) + 100,
	} {
		p := start(t, append(k.args(t), "--path.nodefs="+dir, "--path.imagefs="+dir, fmt.Sprintf("--consumers=%d", n))...)
		s := p.await(t, `headroom_read_success{reader="summary"}`, 1) // which parses, and finds none twice
		got := 0
		for name := range s {
			if strings.HasPrefix(name, "headroom_consumer_") {
				got++
			}
		}
		if got != want {
			t.Errorf("--consumers=%d: %d series of consumers, want %d", n, got, want)
		}
		if n == 10 {
			docs, err := os.ReadFile("../docs/metrics.md")
			if said := fmt.Sprintf("at most %d by default", got); err != nil || !strings.Contains(strings.Join(strings.Fields(string(docs)), " "), said) {
				t.Errorf("docs/metrics.md does not say %q (%v)", said, err)
			}
			s.want(t, `headroom_consumer_pids{filesystem="",kind="processes",namespace="shop",pod="pod-00199",container=""}`, 200)
			s.absent(t, `headroom_consumer_pids{filesystem="",kind="processes",namespace="shop",pod="pod-00189",container=""}`)
		}
	}
}

func TestProgramShowsAKubeletItsCertificate(t *testing.T) {
	kubelet := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"kubeletconfig":{"imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`)
	}))
	kubelet.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	kubelet.StartTLS()
	defer kubelet.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: kubelet.Certificate().Raw})))
	cert, key := pair(t)
	p := start(t, "--kubelet.url="+kubelet.URL, "--kubelet.ca-file="+ca, "--kubelet.cert-file="+cert, "--kubelet.key-file="+key)
	p.scrape(t).want(t, `headroom_thresholds_info{source="configz",kubelet_version=""}`, 1)
}

func TestProgramSaysThatThresholdsAreAssumed(t *testing.T) {
	p := start(t, "--kubelet.assume="+file(t, head))
	p.scrape(t).want(t, `headroom_thresholds_info{source="assumed",kubelet_version=""}`, 1)
}

func TestProgramServesWithoutThresholds(t *testing.T) {
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	for name, c := range map[string]struct {
		args []string
		log  string
	}{
		"from a file that a kubelet would refuse": {[]string{"--kubelet.config=" + file(t, head+"evictionHard: {nodefs.available: 101%}\n")}, `evictionHard: nodefs.available: \"101%\" is above 100%`},
		"from a file that is absent":              {[]string{"--kubelet.config=/absent"}, "open /absent: no such file"},
		"from an empty file":                      {[]string{"--kubelet.assume=" + file(t, "")}, "empty"},
		"from a kubelet that is down":             {[]string{"--kubelet.url=https://127.0.0.1:1"}, "connection refused"},
		"from nowhere":                            {nil, "no source of thresholds is configured"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, append(c.args, "--path.nodefs="+dir, "--path.imagefs="+dir)...)
			s := p.scrape(t)
			s.want(t, `headroom_read_success{reader="thresholds"}`, 0)
			s.want(t, `headroom_read_success{reader="nodefs"}`, 1)
			for series := range s {
				if strings.HasPrefix(series, "headroom_threshold") || strings.HasPrefix(series, "headroom_ratio") {
					t.Errorf("%s is published", series)
				}
			}
			if !strings.Contains(p.log.String(), c.log) {
				t.Errorf("log has no %q:\n%s", c.log, p.log.String())
			}
		})
	}
}
