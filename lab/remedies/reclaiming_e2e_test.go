//go:build e2e

package remedies

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// everything is more than there is.
const everything = int64(1) << 50

// A reclaimed node is one as its remedies see it.
type reclaimed struct {
	t    *testing.T
	node remedy.Node
	disk node.Disk
}

func reclaim(t *testing.T, n *cluster.Node) *reclaimed {
	t.Helper()
	client, err := cri.New("unix://" + n.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	r := &reclaimed{t: t, disk: diskOf(t, n.PodLogs())}
	r.node = remedy.Node{
		Name: n.Name, Proc: "/proc", LogRoots: []string{n.PodLogs()}, Runtime: client,
		Disk: func(_ context.Context, role headroom.Filesystem) (node.Disk, error) {
			if role == headroom.NodeFS {
				return r.disk, nil
			}
			return diskOf(t, n.ContainerdRoot()), nil
		},
	}
	return r
}

func diskOf(t *testing.T, path string) node.Disk {
	t.Helper()
	at, err := disk.Of(path)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// with configures a remedy as a policy does.
func with(t *testing.T, r remedy.Remedy, keys string) remedy.Remedy {
	t.Helper()
	configured, err := r.Configure(func(into any) error {
		d := yaml.NewDecoder(bytes.NewReader([]byte(keys)))
		d.KnownFields(true)
		return d.Decode(into)
	})
	if err != nil {
		t.Fatal(err)
	}
	return configured
}

// run has a remedy remove everything that it would.
func (r *reclaimed) run(rm remedy.Remedy, step func(string)) (plan remedy.Plan, removed headroom.Amount, notes []string) {
	r.t.Helper()
	need := remedy.Need{Signal: headroom.NodeFSAvailable, Disk: r.disk, Amount: everything}
	return r.runUntil(rm, step, need, func(context.Context) (int64, error) { return everything, nil })
}

// runFor has a remedy make room for so much more of a signal, as the disk says.
func (r *reclaimed) runFor(rm remedy.Remedy, signal headroom.Signal, more int64) (plan remedy.Plan, removed headroom.Amount, notes []string) {
	r.t.Helper()
	target := r.available(signal) + more
	need := remedy.Need{Signal: signal, Disk: r.disk, Amount: more}
	return r.runUntil(rm, nil, need, func(context.Context) (int64, error) { return target - r.available(signal), nil })
}

// available is what nodefs has of a signal.
func (r *reclaimed) available(signal headroom.Signal) int64 {
	r.t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(r.node.LogRoots[0], &st); err != nil {
		r.t.Error(err)
	}
	if signal.Unit() == headroom.Inodes {
		return int64(st.Ffree)
	}
	return int64(st.Bavail) * st.Bsize
}

func (r *reclaimed) runUntil(rm remedy.Remedy, step func(string), need remedy.Need, missing func(context.Context) (int64, error)) (plan remedy.Plan, removed headroom.Amount, notes []string) {
	r.t.Helper()
	ctx := r.t.Context()
	plan, err := rm.Plan(ctx, r.node, need)
	if err != nil {
		r.t.Fatal(err)
	}
	notes, err = rm.Apply(ctx, r.node, plan, remedy.Run{
		Missing: missing,
		Removed: func(_ remedy.Item, a headroom.Amount) { removed = removed.Add(a) },
		Step:    step,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return plan, removed, append(plan.Notes, notes...)
}

// folderOf is where a pod's container has its logs.
func folderOf(t *testing.T, c *cluster.Cluster, n *cluster.Node, w cluster.Workload, container string) (folder string, pod cluster.Pod) {
	t.Helper()
	pods, err := c.PodsOf(t.Context(), w)
	if err != nil || len(pods) != 1 {
		t.Fatalf("%d pods of %s: %v", len(pods), w.Name, err)
	}
	m := pods[0].Metadata
	return filepath.Join(n.PodLogs(), m.Namespace+"_"+m.Name+"_"+m.UID, container), pods[0]
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cluster.Wait(ctx, what, func(context.Context) error { return so() }); err != nil {
		t.Fatal(err)
	}
}

// A shipper reads a log as those who ship logs do: to the end of the file that
// has the name, and of the next one only after that. It counts what containers
// have written and not the lines: containerd may split the one that is just being
// written when it reopens a log.
type shipper struct {
	once  sync.Once
	stop  chan struct{}
	done  chan struct{}
	bytes int
	rest  []byte // of a line that is not all there
	err   error
}

// take counts what a container wrote, without the ends of lines, from lines such
// as "2026-11-25T12:00:00.000000000Z stdout F words".
func (s *shipper) take(data []byte) {
	s.rest = append(s.rest, data...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte{'\n'})
		if !whole {
			return
		}
		s.rest = rest
		if fields := bytes.SplitN(line, []byte{' '}, 4); len(fields) == 4 {
			s.bytes += len(fields[3])
		}
	}
}

func ship(t *testing.T, path string) *shipper {
	t.Helper()
	s := &shipper{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = s.follow(path)
	}()
	t.Cleanup(s.finish) // or its file would keep the disk
	return s
}

// finish reads what there is and ends.
func (s *shipper) finish() {
	s.once.Do(func() { close(s.stop) })
	<-s.done
}

func (s *shipper) follow(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	for idle := 0; ; {
		n, _ := f.Read(buf)
		s.take(buf[:n])
		if n > 0 {
			idle = 0
			continue
		}
		stopping := false
		select {
		case <-s.stop:
			stopping = true
		case <-time.After(20 * time.Millisecond):
		}
		idle++
		mine, err := f.Stat()
		if err != nil {
			return err
		}
		now, err := os.Stat(path)
		if err == nil && !os.SameFile(mine, now) && idle > 10 { // it is written no more
			f.Close()
			if f, err = os.Open(path); err != nil {
				return err
			}
			idle = 0
			continue
		}
		if stopping && idle > 10 {
			return f.Close()
		}
	}
}

// end returns how many bytes there were.
func (s *shipper) end(t *testing.T) int {
	t.Helper()
	s.finish()
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.bytes
}
