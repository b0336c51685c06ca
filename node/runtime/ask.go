package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// answerTimeout is how long a runtime may take for all that is asked.
const answerTimeout = 10 * time.Second

// maxAnswer bounds an answer, of which a runtime gives some hundred bytes, or some
// thousand if it is Docker.
const maxAnswer = 1 << 20

// Filesystems says where a runtime keeps its files.
type Filesystems struct {
	// Images and Containers are absolute paths of the runtime's, on the filesystems
	// of images and of writable layers. They are one where the runtime does not
	// keep them apart.
	Images, Containers string
}

// Ask asks the runtime at an endpoint, a Unix socket as the kubelet writes it
// ("unix:///run/containerd/containerd.sock"). Which language it speaks is told by
// its answer. Ask returns within ten seconds and leaves nothing behind, whatever
// the runtime does.
func Ask(ctx context.Context, endpoint string) (Filesystems, error) {
	path, err := socket(endpoint)
	if err != nil {
		return Filesystems{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	found, err := askEither(ctx, path)
	if err != nil {
		return Filesystems{}, fmt.Errorf("container runtime at %s: %w", path, err)
	}
	return found, nil
}

func askEither(ctx context.Context, path string) (Filesystems, error) {
	found, err := askCRI(ctx, path)
	var foreign *foreignError
	if !errors.As(err, &foreign) {
		return found, err
	}
	found, dockers := askDocker(ctx, path)
	if dockers != nil {
		return Filesystems{}, fmt.Errorf("it speaks neither CRI (%w) nor Docker's language (%w)", foreign.err, dockers)
	}
	return found, nil
}

// A foreignError says that somebody answers who does not speak gRPC.
type foreignError struct{ err error }

func (e *foreignError) Error() string { return "not gRPC: " + e.err.Error() }
func (e *foreignError) Unwrap() error { return e.err }

// socket returns the path of an endpoint.
func socket(endpoint string) (string, error) {
	path := strings.TrimPrefix(endpoint, "unix://")
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("container runtime endpoint: %q is not a Unix socket such as unix:///run/containerd/containerd.sock", endpoint)
	}
	return path, nil
}

// connect makes a connection of its own for one conversation.
func connect(ctx context.Context, path string, version func(*http.Protocols)) (*http.ClientConn, error) {
	var protocols http.Protocols
	version(&protocols)
	t := &http.Transport{
		Protocols:          &protocols,
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	conn, err := t.NewClientConn(ctx, "http", "localhost:80")
	if err != nil {
		return nil, explain(err)
	}
	return conn, nil
}

func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (the socket is root's: run as root, or name the filesystem by --path.imagefs instead)", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (is --runtime.endpoint right, and the runtime running?)", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (nobody listens there: is the runtime running?)", err)
	}
	return err
}
