package remediator

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
)

// A port in use ends the program before its worker does anything: started again
// and again, it would cut the same rung short each time.
func TestAPortInUseLeavesAnOpenEpisodeAlone(t *testing.T) {
	m := newMachine(t)
	rotated := m.full()
	p := m.start("--no-dry-run", "--kubelet.config=", "--kubelet.assume=")
	p.post(alerts(headroom.NodeFSAvailable))
	until(t, "an episode waits", p.stderr.String, func() bool { return strings.Contains(p.stderr.String(), "episode waits") })
	p.stop()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for range 5 {
		if _, errs, status := m.command("--no-dry-run", "--web.listen-address="+taken.Addr().String()); status != 1 || !strings.Contains(errs, "in use") {
			t.Fatalf("status %d: %s", status, errs)
		}
	}
	for i, there := range exists(rotated...) {
		if !there {
			t.Errorf("log %d was removed", i)
		}
	}
	if ep := m.list()[0].Episodes[0]; ep.Phase != headroom.Waiting || len(ep.Rungs) != 0 {
		t.Errorf("the episode is %s with %d rungs", ep.Phase, len(ep.Rungs))
	}
}

// A rung in a system call that does not return cannot be stopped; the program
// can. Webhooks are taken meanwhile.
func TestAFilesystemThatHangsHoldsNeitherWebhooksNorTheEnd(t *testing.T) {
	m := newMachine(t)
	m.full()
	hung, release := nodetest.HungFS(t)
	defer release()
	s := &settings{stdout: io.Discard, stderr: &output{}}
	run, err := parse(s, m.args("--no-dry-run", "--path.logs="+hung))
	if err != nil {
		t.Fatal(err)
	}
	s.stopTimeout = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, s) }()
	p := &program{machine: m, token: "a-long-and-secret-token", stderr: s.stderr.(*output)}
	p.listens()
	p.post(alerts(headroom.NodeFSAvailable))
	until(t, "an episode begins", p.stderr.String, func() bool { return strings.Contains(p.stderr.String(), "episode begins") })
	if got := p.post(alerts(headroom.ImageFSAvailable)); got != http.StatusAccepted {
		t.Errorf("webhook answered %d", got)
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "does a filesystem hang?") {
		t.Errorf("it ended with %v", err)
	}
}

// A nodefs that hangs is not known; nothing is done about it.
func TestANodeFSThatHangsIsNotActedUpon(t *testing.T) {
	m := newMachine(t)
	hung, release := nodetest.HungFS(t)
	defer release()
	p := m.start("--no-dry-run", "--path.nodefs="+hung, "--path.timeout=50ms")
	p.post(alerts(headroom.NodeFSAvailable))
	until(t, "it says so", p.stderr.String, func() bool { return strings.Contains(p.stderr.String(), `reason="cannot tell"`) })
	if status := p.stop(); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
}

// Without a place for the journal an alert is answered 503, and the program
// waits for one.
func TestWithoutAJournalWebhooksAreAnswered503(t *testing.T) {
	m := newMachine(t)
	blocked := nodetest.Tmpfs(t, mebi, 0)
	if err := unix.Mount("", blocked, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	p := m.start("--journal.file="+filepath.Join(blocked, "journal"), "--journal.fallback="+filepath.Join(blocked, "fallback"))
	if got := p.post(alerts(headroom.NodeFSAvailable)); got != http.StatusServiceUnavailable {
		t.Errorf("webhook answered %d", got)
	}
	if code, body := p.get("/-/ready"); code != http.StatusServiceUnavailable || !strings.Contains(body, "read-only file system") {
		t.Errorf("ready answers %d %q", code, body)
	}
	if code, _ := p.get("/-/healthy"); code != http.StatusOK {
		t.Errorf("healthy answers %d", code)
	}
	if status := p.stop(); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
}

// A journal on a filesystem that became read-only is carried on with in memory,
// and list shows what is there and not what was.
func TestListShowsTheFallbackThatIsInUse(t *testing.T) {
	m := newMachine(t)
	m.full()
	disk := nodetest.Tmpfs(t, 32*mebi, 0)
	at := []string{"--journal.file=" + filepath.Join(disk, "journal"), "--journal.fallback=" + filepath.Join(nodetest.Tmpfs(t, 32*mebi, 0), "journal")}
	p := m.start(at...)
	p.post(alerts(headroom.NodeFSAvailable))
	until(t, "the episode is over", p.stderr.String, func() bool { return strings.Contains(p.stderr.String(), "episode is over") })
	p.stop()
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	p = m.start(at...)
	if _, metrics := p.get("/metrics"); !strings.Contains(metrics, "headroom_remediation_journal_in_memory 1\n") {
		t.Error("it does not say that the journal is in memory")
	}
	p.post(alerts(headroom.ImageFSAvailable))
	until(t, "the episode is over", p.stderr.String, func() bool { return strings.Contains(p.stderr.String(), "episode is over") })
	out, errs, status := m.command(append([]string{"list"}, at...)...)
	if status != 0 || !strings.Contains(out, "nodefs.available") || !strings.Contains(out, "imagefs.available") {
		t.Errorf("list: status %d\n%s%s", status, out, errs)
	}
}

// A damaged journal is set aside, counted, and what can be read of it is used.
func TestADamagedJournalIsSetAside(t *testing.T) {
	m := newMachine(t)
	m.full()
	p := m.start()
	p.post(alerts(headroom.NodeFSAvailable))
	m.over(headroom.NodeFSAvailable)
	p.stop()
	f, err := os.OpenFile(m.path("journal"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("scribble"), 20); err != nil { // into its header
		t.Fatal(err)
	}
	if out, errs, status := m.command("list"); status != 0 || !strings.Contains(out, "nodefs.available") || !strings.Contains(errs, "damaged") {
		t.Errorf("list: status %d\n%s%s", status, out, errs)
	}
	p = m.start()
	if _, metrics := p.get("/metrics"); !strings.Contains(metrics, "headroom_remediation_journal_set_aside_total 1\n") {
		t.Error("it does not count what was set aside")
	}
	if aside, err := filepath.Glob(m.path("journal.damaged-*")); err != nil || len(aside) != 1 {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	if got := p.post(alerts(headroom.NodeFSAvailable)); got != http.StatusAccepted {
		t.Errorf("webhook answered %d", got)
	}
}
