package cri

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// How long one call may take. What changes something may wait for a disk that is
// busy: it gets what the kubelet gives it.
const (
	lookLimit   = 10 * time.Second
	changeLimit = 2 * time.Minute
)

// maxAnswer bounds an answer, in bytes, as the kubelet does.
const maxAnswer = 16 << 20

// A Client speaks to one runtime. It connects when it is first asked, and again
// after the runtime was restarted; a call made while nobody listens fails at once.
// Calls end with their context or their own limit, whichever is first. It is safe
// for concurrent use.
type Client struct {
	path     string
	close    func() error
	images   v1.ImageServiceClient
	runtime  v1.RuntimeServiceClient
	mu       sync.Mutex
	held     map[string]string // what sandboxes are made from, by their ID
	pause    string            // what new sandboxes are made from, as far as it is known
	pausedAt time.Time         // when that was asked
}

// New returns a client of the runtime at an endpoint, a Unix socket as the kubelet
// writes it: unix:///run/containerd/containerd.sock. It does not connect yet.
func New(endpoint string) (*Client, error) {
	path := strings.TrimPrefix(endpoint, "unix://")
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("container runtime endpoint: %q is not a Unix socket such as unix:///run/containerd/containerd.sock", endpoint)
	}
	conn, err := grpc.NewClient("passthrough:///localhost",
		grpc.WithTransportCredentials(insecure.NewCredentials()), // whoever may open the socket is root
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("container runtime at %s: %w", path, err)
	}
	return newClient(path, conn, conn.Close), nil
}

func newClient(path string, conn grpc.ClientConnInterface, close func() error) *Client {
	return &Client{
		path:    path,
		close:   close,
		images:  v1.NewImageServiceClient(conn),
		runtime: v1.NewRuntimeServiceClient(conn),
		held:    make(map[string]string),
	}
}

// Close ends the connection, and with it every call that is under way.
func (c *Client) Close() error { return c.close() }
