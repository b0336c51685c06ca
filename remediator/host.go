package remediator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
	nodeflag "github.com/nodeheadroom/headroom/node/flag"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A host is what remedies know of this machine, as much as flags allow them to
// ask.
type host struct {
	remedy.Node
	unused *remedy.UnusedImages // nil where no runtime or no kubelet is asked
	close  func()
}

// host asks nothing yet. The caller closes it when remedies are done.
func (s *settings) host(m *nodeflag.Machine) (host, error) {
	n := remedy.Node{
		Name:          s.nodeName,
		Proc:          s.node.Host.Proc,
		LogRoots:      s.logRoots,
		JournalRoots:  s.journalRoots,
		JournalSocket: s.journalSocket,
	}
	if v := m.Source.Viewer(); v != nil {
		n.Pods = v
	}
	if s.node.Runtime() == "" {
		return host{Node: n, close: func() {}}, nil
	}
	n.Disk = func(ctx context.Context, role headroom.Filesystem) (node.Disk, error) {
		fs, err := m.Node.Filesystem(ctx, role)
		return fs.Disk, err
	}
	client, err := cri.New(s.node.Runtime())
	if err != nil {
		return host{}, fmt.Errorf("--runtime.endpoint: %w", err)
	}
	n.Runtime = client
	h := host{Node: n, close: func() { client.Close() }}
	if n.Pods != nil {
		h.unused = remedy.NewUnusedImages(s.unusedFile)
		h.Unused = h.unused
	}
	return h, nil
}

// unusedInterval is how often it is looked which images are not used.
const unusedInterval = 30 * time.Second

// run remembers since when images have not been used, until ctx ends.
func (h host) run(ctx context.Context, log *slog.Logger) {
	if h.unused == nil {
		return
	}
	tick := time.NewTicker(unusedInterval)
	defer tick.Stop()
	for failing := false; ; {
		look, cancel := context.WithTimeout(ctx, unusedInterval)
		err := h.unused.Look(look, h.Runtime, h.Pods)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			log.Warn("which images are unused cannot be told; none will be removed until it can", "err", err)
		case err == nil && failing:
			log.Info("which images are unused can be told again")
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// maxReason is how much of an opt-out's reason is read.
const maxReason = 200

// optedOut is the gate of a node whose owner wants it left alone: a file says so,
// whatever is in it.
func (s *settings) optedOut(context.Context) (why string, err error) {
	// O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
	f, err := os.OpenFile(s.optOutFile, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(s.optOutFile); err == nil {
			return "the file " + s.optOutFile + " is there, a link to nothing", nil
		}
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	why = "the file " + s.optOutFile + " is there"
	if line, _ := bufio.NewReader(io.LimitReader(f, maxReason)).ReadString('\n'); strings.TrimSpace(line) != "" {
		why += ": " + word(strings.TrimSpace(line))
	}
	return why, nil
}
