package remediator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nodeheadroom/headroom/remediator/control"
)

// nobody is a user without rights.
const nobody = 65534

func TestWhoIsNotRootIsTold(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can become another user")
		return
	}
	binary := build(t)
	m := newMachine(t)
	l, err := control.Listen(m.path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- (&control.Server{Engine: &played{}, Node: "node-1", Logger: slog.New(slog.DiscardHandler)}).Serve(ctx, l)
	}()
	defer func() { stop(); <-ended }()
	for _, dir := range []string{filepath.Dir(binary), m.path(""), filepath.Dir(filepath.Dir(binary))} {
		if err := os.Chmod(dir, 0o711); err != nil { // he gets as far as the socket
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"run", "nodefs.available"}, {"approve", "nodefs.available", "0123456789ab"}, {"cancel", "nodefs.available"}, {"pause"}, {"resume"},
	} {
		cmd := exec.Command(binary, append(args, "--control.socket="+m.path("socket"))...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = "/"
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(complaint.String(), "only root may ask: use sudo") {
			t.Errorf("%s: %v: %s", args[0], err, complaint.String())
		}
	}
}
