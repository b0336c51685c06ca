package exporter

import (
	"bytes"
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
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

func TestProgramMeasuresARealFilesystemAsItFills(t *testing.T) {
	dir := nodetest.Tmpfs(t, 10<<20, 0)
	p := start(t, "--path.nodefs="+dir, "--path.imagefs="+dir, "--kubelet.config="+file(t, head))
	before := p.scrape(t)
	before.want(t, `headroom_signal_capacity_bytes{signal="nodefs.available"}`, 10<<20)
	before.want(t, `headroom_signal_available_bytes{signal="nodefs.available"}`, 10<<20)
	before.want(t, `headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`, 1<<20)
	before.want(t, `headroom_threshold_met{signal="nodefs.available",eviction="hard"}`, 0)
	before.want(t, `headroom_threshold_met{signal="imagefs.available",eviction="hard"}`, 0)
	before.want(t, `headroom_thresholds_info{source="files",kubelet_version=""}`, 1)
	before.want(t, `headroom_read_success{reader="memory"}`, 1)
	before.want(t, `headroom_read_success{reader="pid"}`, 1)

	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 9<<20-4096), 0o644); err != nil {
		t.Fatal(err)
	}
	between := p.scrape(t)
	between.want(t, `headroom_signal_available_bytes{signal="nodefs.available"}`, 1<<20+4096)
	between.want(t, `headroom_threshold_met{signal="nodefs.available",eviction="hard"}`, 0)
	between.want(t, `headroom_threshold_met{signal="imagefs.available",eviction="hard"}`, 1)

	if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 8192), 0o644); err != nil {
		t.Fatal(err)
	}
	after := p.scrape(t)
	after.want(t, `headroom_threshold_met{signal="nodefs.available",eviction="hard"}`, 1)
	after.want(t, `headroom_ratio{signal="nodefs.available",eviction="hard"}`, -4096./(10<<20))
}

func TestProgramTellsThreeDisksApart(t *testing.T) {
	nodefs, imagefs, containerfs := nodetest.Tmpfs(t, 1<<20, 100), nodetest.Tmpfs(t, 2<<20, 200), nodetest.Tmpfs(t, 4<<20, 400)
	p := start(t, "--path.nodefs="+nodefs, "--path.imagefs="+imagefs, "--path.containerfs="+containerfs,
		"--kubelet.config="+file(t, head+"evictionHard: {nodefs.available: 50%, imagefs.available: 25%}\n"))
	s := p.scrape(t)
	for signal, want := range map[string]float64{"nodefs.available": 1 << 20, "imagefs.available": 2 << 20, "containerfs.available": 4 << 20} {
		s.want(t, fmt.Sprintf("headroom_signal_capacity_bytes{signal=%q}", signal), want)
	}
	for signal, want := range map[string]float64{"nodefs.inodesFree": 100, "imagefs.inodesFree": 200, "containerfs.inodesFree": 400} {
		s.want(t, fmt.Sprintf("headroom_signal_capacity_inodes{signal=%q}", signal), want)
	}
	// Containers apart from images: the kubelet takes nodefs's thresholds for them.
	s.want(t, `headroom_threshold_bytes{signal="containerfs.available",eviction="hard"}`, 2<<20)
	s.absent(t, `headroom_image_gc_margin_ratio{signal="nodefs.available"}`)
}

func TestProgramServesTheRestOfAHungNode(t *testing.T) {
	hung, _ := nodetest.HungFS(t)
	good := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, "--path.nodefs="+hung, "--path.imagefs="+good, "--path.timeout=1s", "--kubelet.config="+file(t, head))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				s := p.scrape(t)
				s.want(t, `headroom_read_success{reader="nodefs"}`, 0)
				s.want(t, `headroom_read_success{reader="imagefs"}`, 1)
				s.want(t, `headroom_signal_capacity_bytes{signal="imagefs.available"}`, 1<<20)
				s.absent(t, `headroom_signal_available_bytes{signal="nodefs.available"}`)
			}
		})
	}
	all.Wait()
	if n := strings.Count(p.log.String(), "has not answered since"); n != 1 {
		t.Errorf("the hang was logged %d times:\n%s", n, p.log.String())
	}
}

// The kubelet's token may lie on a filesystem that hangs, and a procfs may hang
// itself.
func TestProgramEndsWhateverHangs(t *testing.T) {
	hung, _ := nodetest.HungFS(t)
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, "--path.nodefs="+dir, "--path.imagefs="+hung, "--path.procfs="+hung, "--path.cgroup="+hung, "--path.timeout=1s",
		"--kubelet.url=https://127.0.0.1:1", "--kubelet.token-file="+filepath.Join(hung, "token"))
	s := p.scrape(t)
	for reader, want := range map[string]float64{"nodefs": 1, "imagefs": 0, "containerfs": 0, "memory": 0, "pid": 0, "thresholds": 0} {
		s.want(t, fmt.Sprintf("headroom_read_success{reader=%q}", reader), want)
	}
}

func TestProgramAsksAKubelet(t *testing.T) {
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
		case r.URL.Path == "/configz":
			io.WriteString(w, `{"kubeletconfig":{"evictionHard":{"nodefs.available":"50%"},"evictionPressureTransitionPeriod":"5m0s","imageGCHighThresholdPercent":85,"imageGCLowThresholdPercent":80}}`)
		case r.URL.Path == "/metrics":
			io.WriteString(w, "kubernetes_build_info{git_version=\"v1.37.2\"} 1\n")
		}
	}))
	defer kubelet.Close()
	dir := nodetest.Tmpfs(t, 1<<20, 0)
	p := start(t, "--path.nodefs="+dir, "--path.imagefs="+dir, "--kubelet.url="+kubelet.URL,
		"--kubelet.insecure-skip-verify", "--kubelet.token-file="+file(t, "secret\n"),
		"--kubelet.config=/not/looked/at")
	s := p.scrape(t)
	s.want(t, `headroom_thresholds_info{source="configz",kubelet_version="v1.37.2"}`, 1)
	s.want(t, `headroom_threshold_bytes{signal="nodefs.available",eviction="hard"}`, 1<<19)
	s.want(t, `headroom_threshold_bytes{signal="containerfs.available",eviction="hard"}`, 1<<19)
	s.want(t, `headroom_threshold_enabled{signal="memory.available",eviction="hard"}`, 0)
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

func TestProgramDemandsAPassword(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "--web.config.file="+file(t, fmt.Sprintf("basic_auth_users: {prometheus: %q}\n", hash)))
	for _, c := range []struct {
		user, password string
		want           int
	}{
		{"", "", http.StatusUnauthorized},
		{"prometheus", "wrong", http.StatusUnauthorized},
		{"prometheus", "secret", http.StatusOK},
	} {
		req, err := http.NewRequest("GET", p.url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.user != "" {
			req.SetBasicAuth(c.user, c.password)
		}
		rsp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		rsp.Body.Close()
		if rsp.StatusCode != c.want {
			t.Errorf("%s:%s: %s", c.user, c.password, rsp.Status)
		}
	}
}

func TestProgramServesTLS(t *testing.T) {
	cert, key := pair(t)
	p := start(t, "--web.config.file="+file(t, fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s}\n", cert, key)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	rsp, err := client.Get("https://" + strings.TrimPrefix(p.url, "http://") + "/-/healthy")
	if err != nil {
		t.Fatal(err)
	}
	rsp.Body.Close()
	if rsp.StatusCode != http.StatusOK || rsp.TLS == nil {
		t.Errorf("answer is %+v", rsp)
	}
	client.CloseIdleConnections()
}

func TestProgramDemandsAClientCertificate(t *testing.T) {
	cert, key := pair(t)
	p := start(t, "--web.config.file="+file(t, fmt.Sprintf(
		"tls_server_config: {cert_file: %s, key_file: %s, client_auth_type: RequireAndVerifyClientCert, client_ca_file: %s}\n", cert, key, cert)))
	right, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := tls.LoadX509KeyPair(pair(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		shown  []tls.Certificate
		served bool
	}{
		"none":          {nil, false},
		"another's":     {[]tls.Certificate{wrong}, false},
		"the right one": {[]tls.Certificate{right}, true},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: c.shown}}
		rsp, err := (&http.Client{Transport: transport}).Get("https://" + strings.TrimPrefix(p.url, "http://") + "/metrics")
		if err == nil {
			rsp.Body.Close()
		}
		if served := err == nil && rsp.StatusCode == http.StatusOK; served != c.served {
			t.Errorf("%s: served is %v: %v", name, served, err)
		}
		transport.CloseIdleConnections()
	}
}

func TestProgramHasPages(t *testing.T) {
	p := start(t)
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/":          {http.StatusOK, "headroom-exporter"},
		"/-/healthy": {http.StatusOK, "OK"},
		"/metrics":   {http.StatusOK, "headroom_exporter_build_info{"},
		"/absent":    {http.StatusNotFound, ""},
	} {
		rsp, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rsp.Body)
		rsp.Body.Close()
		if err != nil || rsp.StatusCode != want.status || !strings.Contains(string(body), want.body) {
			t.Errorf("%s: %s, %v: %s", path, rsp.Status, err, body)
		}
	}
}

func TestProgramThatCannotRunSaysWhichFlagIsToBlame(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a port in use":             {[]string{"--web.listen-address=" + taken.Addr().String()}, "--web.listen-address: listen tcp " + taken.Addr().String() + ": bind: address already in use"},
		"a web configuration gone":  {[]string{"--web.config.file=/absent"}, "--web.config.file: "},
		"a web configuration wrong": {[]string{"--web.config.file=" + file(t, "tls: yes\n")}, "field tls not found"},
		"an unknown flag":           {[]string{"--path.rootfs=/"}, "--path.rootfs"},
		"an argument":               {[]string{"serve"}, "unexpected serve"},
		"a timeout of nothing":      {[]string{"--path.timeout=0s"}, "--path.timeout: 0s"},
		"no address from systemd":   {[]string{"--web.systemd-socket"}, "--web.systemd-socket: no socket activation"},
		"no path of nodefs":         {[]string{"--path.nodefs="}, "--path.nodefs: "},
		"no path of imagefs":        {[]string{"--path.imagefs="}, "--path.imagefs: "},
		"no path of procfs":         {[]string{"--path.procfs="}, "--path.procfs: "},
		"no path of cgroups":        {[]string{"--path.cgroup="}, "--path.cgroup: "},
		"a busy interval":           {[]string{"--kubelet.interval=1ms"}, "--kubelet.interval: 1ms"},
		"an interval beyond memory": {[]string{"--kubelet.interval=1h"}, "--kubelet.interval: 1h"},
		"a URL without a scheme":    {[]string{"--kubelet.url=localhost:10250"}, `"localhost:10250"`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			err := Run(t.Context(), append([]string{"--web.listen-address=127.0.0.1:0"}, c.args...), &stdout, &stderr)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestProgramAnswersHelpAndVersion(t *testing.T) {
	for arg, want := range map[string]string{"--help": "--path.nodefs", "--version": "headroom-exporter, version"} {
		var stdout, stderr bytes.Buffer
		if err := Run(t.Context(), []string{arg}, &stdout, &stderr); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: stdout %q, stderr %q", arg, stdout.String(), stderr.String())
		}
	}
}
