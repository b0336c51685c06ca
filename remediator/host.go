package remediator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	nodeflag "github.com/nodeheadroom/headroom/node/flag"
	"github.com/nodeheadroom/headroom/node/runtime/cri"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// host is what remedies know of this machine: as much as flags allow them to
// ask. It asks nothing yet. The caller calls hangUp when they are done.
func (s *settings) host(m *nodeflag.Machine) (n remedy.Node, hangUp func(), err error) {
	n = remedy.Node{
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
		return n, func() {}, nil
	}
	client, err := cri.New(s.node.Runtime())
	if err != nil {
		return n, nil, fmt.Errorf("--runtime.endpoint: %w", err)
	}
	n.Runtime = client
	return n, func() { client.Close() }, nil
}

// maxReason is how much of an opt-out's reason is read.
const maxReason = 200

// optedOut is the gate of a node whose owner wants it left alone: a file says so,
// whatever is in it.
func (s *settings) optedOut(context.Context) (why string, err error) {
	// O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
	f, err := os.OpenFile(s.optOutFile, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
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
