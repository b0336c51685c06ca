package shipped

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/process/processtest"
	"github.com/nodeheadroom/headroom/lab/stage"
)

// TestMain runs the tests on a stage: in namespaces of their own, where they may
// mount a disk, and where the remediator may see every process there is.
func TestMain(m *testing.M) {
	if !stage.Inside() {
		os.Exit(stage.Enter(os.Stderr))
	}
	os.Exit(m.Run())
}

const (
	liveNode  = "node-1"
	liveToken = "a-token-that-only-this-test-knows"
)

// kubeletConfiguration has every threshold there can be.
const kubeletConfiguration = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard: {memory.available: 100Mi, nodefs.available: 10%, nodefs.inodesFree: 5%, imagefs.available: 15%, imagefs.inodesFree: 5%, pid.available: 5%}
evictionSoft: {memory.available: 200Mi, nodefs.available: 12%, nodefs.inodesFree: 6%, imagefs.available: 18%, imagefs.inodesFree: 6%, pid.available: 8%}
evictionSoftGracePeriod: {memory.available: 1m, nodefs.available: 1m, nodefs.inodesFree: 1m, imagefs.available: 1m, imagefs.inodesFree: 1m, pid.available: 1m}
evictionMinimumReclaim: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%, imagefs.inodesFree: 1%, pid.available: 1%}
`

// live scrapes both real programs, on a real filesystem and with every
// threshold set, after an episode in which something was removed: every series
// that they can have is there.
func live(t *testing.T) Vocabulary {
	t.Helper()
	bin := build(t)
	dir := t.TempDir()
	disk, images, containers := disks(t)
	write(t, filepath.Join(dir, "kubelet.yaml"), kubeletConfiguration)
	write(t, filepath.Join(dir, "token"), liveToken+"\n")
	if err := os.Chmod(filepath.Join(dir, "token"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := []string{
		"--path.nodefs=" + disk, "--path.imagefs=" + images, "--path.containerfs=" + containers,
		"--kubelet.config=" + filepath.Join(dir, "kubelet.yaml"),
		"--web.listen-address=127.0.0.1:0",
	}
	exporter := processtest.Start(t, process.Options{Path: filepath.Join(bin, "headroom-exporter"), Args: node})
	remediator := processtest.Start(t, process.Options{Path: filepath.Join(bin, "headroom-remediator"), Args: append(node,
		"--no-dry-run", "--node.name="+liveNode, "--path.logs="+filepath.Join(disk, "pods"),
		"--policy.file="+filepath.Join(root, "deploy/policy.yaml"),
		"--journal.file="+filepath.Join(dir, "journal"), "--journal.fallback="+filepath.Join(dir, "fallback"),
		"--control.socket=", "--webhook.token-file="+filepath.Join(dir, "token"))})
	alert(t, remediator, "nodefs.available")

	v := Vocabulary{}
	target := []string{"job", "instance", "node", "cluster"}
	succeeded := fmt.Sprintf(`headroom_remediation_episodes_total{node=%q,outcome="Succeeded",signal="nodefs.available"} 1`, liveNode)
	for address, until := range map[string]string{
		exporter:   `headroom_read_success{reader="thresholds"} 1`,
		remediator: succeeded,
	} {
		if err := v.Scrape(strings.NewReader(scrapeUntil(t, address, until)), target...); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// build makes both programs from the product's own module.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin+"/", "./cmd/...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// disks makes three real filesystems: where each role has one of its own, the
// kubelet gives containerfs thresholds, too. Of the first, 12 % is left, 2 points
// more than nodefs's threshold, and most of the rest is held by rotated logs.
func disks(t *testing.T) (nodefs, imagefs, containerfs string) {
	t.Helper()
	keep := []string{os.TempDir(), os.Args[0]}
	for _, find := range []func() (string, error){
		os.Getwd, os.UserCacheDir, os.UserHomeDir,
		func() (string, error) { return exec.LookPath("go") },
	} {
		path, err := find()
		if err != nil {
			t.Fatal(err)
		}
		keep = append(keep, path)
	}
	s, err := stage.Open(keep...)
	if err != nil {
		t.Fatal(err)
	}
	disk := make(map[string]*stage.Disk)
	for _, role := range []string{"nodefs", "imagefs", "containerfs"} {
		if disk[role], err = s.Disk(role, 64<<20); err != nil {
			t.Fatal(err)
		}
	}
	full := disk["nodefs"]
	container := filepath.Join(full.Path, "pods/default_web-0_0b8f6bb4-7d5f-4f6e-9d5c-2d0d5f3a1c11/app")
	write(t, filepath.Join(container, "0.log"), "2026-01-01T00:00:00Z stdout F the newest line\n")
	for day := 1; day <= 4; day++ {
		write(t, filepath.Join(container, fmt.Sprintf("0.log.2026010%d-000000", day)), strings.Repeat("x", 8<<20))
	}
	space, err := full.Space()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(full.Path, "data"), strings.Repeat("x", int(space.Available-space.Capacity*12/100)))
	return full.Path, disk["imagefs"].Path, disk["containerfs"].Path
}

// alert posts what Alertmanager would about a signal of liveNode.
func alert(t *testing.T, address, signal string) {
	t.Helper()
	body := fmt.Sprintf(`{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"headroom-remediator","groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","alerts":[
		{"status":"firing","labels":{"alertname":"HeadroomEvictionImminent","node":%q,"signal":%q,"stage":"before","severity":"critical"},
		 "annotations":{},"startsAt":%q,"endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"0123456789abcdef"}]}`,
		liveNode, signal, time.Now().UTC().Format(time.RFC3339Nano))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/api/v1/alerts", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+liveToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusAccepted {
		t.Fatalf("the webhook answers %s: %s", res.Status, answer)
	}
}

// notZero finds what has happened.
var notZero = regexp.MustCompile(`(?m)^headroom_\S+ (0\.|[1-9]).*$`)

// scrapeUntil scrapes address again and again, until a line begins with want.
func scrapeUntil(t *testing.T, address, want string) string {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("a minute is over"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		text := scrape(t, address)
		if bytes.Contains(text, []byte("\n"+want)) {
			return string(text)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%v without %s; what is not 0:\n%s", context.Cause(ctx), want, bytes.Join(notZero.FindAll(text, -1), []byte("\n")))
		}
	}
}

func scrape(t *testing.T, address string) []byte {
	t.Helper()
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
