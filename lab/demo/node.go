package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/stage"
)

// diskSize is that of the filesystem which plays the node's only disk.
const diskSize = 256 << 20

// kubeletConfiguration has the kubelet's own defaults, written out.
const kubeletConfiguration = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard:
  memory.available: 100Mi
  nodefs.available: 10%
  nodefs.inodesFree: 5%
  imagefs.available: 15%
  imagefs.inodesFree: 5%
evictionPressureTransitionPeriod: 5m
imageGCHighThresholdPercent: 85
imageGCLowThresholdPercent: 80
`

// How the disk is divided, in shares of its capacity. The kubelet would evict at
// 15 % available, the shipped policy acts below 20 % and stops at 30 %: rotated
// logs alone (about 5 %) are not enough, with the log that may be truncated they
// are. The filler stops short of the threshold even if nobody does anything.
const (
	atFirst  = 0.246 // available when everything is in place
	cartLog  = 0.09  // the log of the writer that appends
	ledger   = 0.10  // of the one that does not: it would be the first to go
	gateway  = 0.02  // at which the third one rotates
	rotated  = 3     // rotated files it has from the past
	filling  = 0.036 // what the filler writes
	fillTime = 95    // seconds it takes
)

// What the writers write while they are watched, in bytes per second.
const logRate = 20 << 10

// A node is the folder layout of one, on one small disk, and who writes there.
type node struct {
	disk    *stage.Disk
	cart    *process.Process
	gateway *process.Process
	filler  *process.Process
	ledger  *process.Process
	said    atomic.Value // by ledger, the last line
}

func (n *node) root(role string) string { return filepath.Join(n.disk.Path, role) }
func (n *node) config() string          { return filepath.Join(n.root("kubelet"), "config.yaml") }
func (n *node) logs() string            { return filepath.Join(n.disk.Path, "log", "pods") }
func (n *node) filled() string          { return filepath.Join(n.root("kubelet"), "import.dat") }
func (n *node) images() string          { return filepath.Join(n.root("containerd"), "images") }

// log is where the kubelet puts the log of a container of a pod in namespace
// shop: <namespace>_<pod>_<uid>/<container>/<restarts>.log
func (n *node) log(container string) string {
	uid := fmt.Sprintf("%x", sha256.Sum256([]byte(container)))
	return filepath.Join(n.logs(), fmt.Sprintf("shop_%s-0_%s-%s-4%s-8%s-%s", container, uid[:8], uid[8:12], uid[12:15], uid[15:18], uid[18:30]), container, "0.log")
}

// short leaves of the paths of logs in text what a person needs.
func (n *node) short(text string) string {
	for _, container := range []string{"cart", "ledger", "gateway"} {
		text = strings.ReplaceAll(text, filepath.Dir(filepath.Dir(n.log(container)))+"/", "")
	}
	return text
}

// newNode lays out a node and starts its writers. They have written their past
// when it returns.
func newNode(ctx context.Context, disk *stage.Disk) (*node, error) {
	n := &node{disk: disk}
	dirs := []string{n.root("kubelet"), n.root("containerd"), n.root("headroom")}
	for _, container := range []string{"cart", "ledger", "gateway"} {
		dirs = append(dirs, filepath.Dir(n.log(container)))
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return n, err
		}
	}
	if err := os.WriteFile(n.config(), []byte(kubeletConfiguration), 0o644); err != nil {
		return n, err
	}
	space, err := disk.Space()
	if err != nil {
		return n, err
	}
	return n, n.writers(ctx, func(share float64) int { return int(share * float64(space.Capacity)) })
}

func (n *node) writers(ctx context.Context, bytes func(share float64) int) (err error) {
	// It rotates once more after some seconds.
	past := rotated*bytes(gateway) + bytes(gateway) - 8*logRate
	for _, w := range []struct {
		at   **process.Process
		said func(string)
		args []any
	}{
		{&n.cart, nil, []any{"append", n.log("cart"), bytes(cartLog), logRate}},
		{&n.ledger, func(line string) { n.said.Store(line) }, []any{"plain", n.log("ledger"), bytes(ledger), logRate}},
		{&n.gateway, nil, []any{"rotate", n.log("gateway"), past, logRate, bytes(gateway)}},
	} {
		if *w.at, err = start(ctx, w.said, w.args...); err != nil {
			return err
		}
	}
	return nil
}

// settle takes what is too much of the disk away, as images do, so that the same
// share is available on every filesystem, and starts the filler.
func (n *node) settle(ctx context.Context) error {
	space, err := n.disk.Space()
	if err != nil {
		return err
	}
	capacity := float64(space.Capacity)
	excess := space.Available - int64(atFirst*capacity)
	if excess < 0 {
		return fmt.Errorf("the disk has %d bytes available of %d: less than the show begins with", space.Available, space.Capacity)
	}
	if err := occupy(n.images(), excess); err != nil {
		return err
	}
	n.filler, err = start(ctx, nil, "fill", n.filled(), int(filling*capacity), int(filling*capacity)/fillTime)
	return err
}

// occupy writes size bytes that are nobody's log.
func occupy(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	block := bytes.Repeat([]byte("layer\n"), 1<<16)
	for size > 0 {
		n, err := file.Write(block[:min(size, int64(len(block)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return file.Sync() // counted for good, not by reservation
}

// start runs this program in another role and waits until it says that it is
// ready. What else it says goes to said.
func start(ctx context.Context, said func(line string), args ...any) (*process.Process, error) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = fmt.Sprint(arg)
	}
	ready := make(chan struct{})
	p, err := process.Start(process.Options{Name: words[0], Path: "/proc/self/exe", Args: words, Line: func(line string) {
		switch {
		case line == "ready":
			close(ready)
		case said != nil:
			said(line)
		}
	}})
	if err != nil {
		return nil, err
	}
	select {
	case <-ready:
		return p, nil
	case <-p.Done():
		return nil, p.Err()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A proof is what the writer that does not append has written, and what its file
// holds.
type proof struct {
	wrote, holds string // sha256, in hexadecimal
	bytes        int64
}

func (p proof) holdsAll() bool { return p.wrote == p.holds }

// prove stops the writer that does not append, which says what it wrote, and
// compares that with its file.
func (n *node) prove() (proof, error) {
	if err := n.ledger.Stop(5 * time.Second); err != nil {
		return proof{}, err
	}
	said, _ := n.said.Load().(string)
	words := strings.Fields(said)
	if len(words) != 3 || words[0] != "sha256" {
		return proof{}, fmt.Errorf("the writer that does not append ended by saying %q", said)
	}
	written, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return proof{}, err
	}
	file, err := os.Open(n.log("ledger"))
	if err != nil {
		return proof{}, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return proof{}, err
	}
	return proof{wrote: words[1], holds: fmt.Sprintf("%x", sum.Sum(nil)), bytes: written}, nil
}
