package remedy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/distribution/reference"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// reachTime is how long a registry may take to accept a connection.
const reachTime = 2 * time.Second

// maxReaching is how many registries are asked at once.
const maxReaching = 16

// A reach is which registries accept a connection: nil, or why not, by address.
type reach map[string]error

// reachRegistries tries every registry that gave one of the images, once.
func reachRegistries(ctx context.Context, images []runtime.Image) reach {
	r := make(reach)
	for _, image := range images {
		for _, digest := range image.Digests {
			if address, err := registryOf(digest); err == nil {
				r[address] = nil
			}
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, maxReaching)
	for _, address := range r.addresses() {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := connects(ctx, address)
			mu.Lock()
			defer mu.Unlock()
			r[address] = err
		})
	}
	all.Wait()
	return r
}

func (r reach) addresses() []string {
	all := make([]string, 0, len(r))
	for address := range r {
		all = append(all, address)
	}
	return all
}

// forbids says why an image could not be pulled again, "" if it could. All of its
// registries must answer: which one a pod will name nobody knows.
func (r reach) forbids(image runtime.Image) string {
	for _, digest := range image.Digests {
		address, err := registryOf(digest)
		if err != nil {
			return "its name is not understood: " + err.Error()
		}
		if err := r[address]; err != nil {
			return fmt.Sprintf("registry %s does not answer, so it could not be had again (registry: ignore takes it all the same)", address)
		}
	}
	return ""
}

// registryOf returns the address of the registry that a name with a digest is
// from.
func registryOf(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", err
	}
	host := reference.Domain(named)
	if host == "docker.io" {
		host = "registry-1.docker.io"
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host, nil
	}
	return net.JoinHostPort(host, "443"), nil
}

// connects opens a connection and says nothing.
func connects(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
