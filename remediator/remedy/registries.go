package remedy

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/distribution/reference"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// reachTime is how long a registry may take to accept a connection.
const reachTime = 2 * time.Second

// reachAll is how long all of them may take: whoever deploys pods chooses how many
// there are, and that none answers. Those whose turn does not come count as silent.
const reachAll = 10 * time.Second

// maxReaching is how many registries are asked at once.
const maxReaching = 16

// A reach is which registries accept a connection: nil, or why not, by address.
type reach map[string]error

// reachRegistries tries every registry that gave one of the images, once, within
// that time.
func reachRegistries(ctx context.Context, images []runtime.Image, within time.Duration) reach {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r := make(reach)
	for _, image := range images {
		for _, digest := range pulled(image) {
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
	for _, digest := range pulled(image) {
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

// imported is what ctr's images import --digests, and kind with it, names images by:
// a day and a digest, which look as if Docker Hub had given them.
var imported = regexp.MustCompile(`^(docker\.io/library/)?import-\d{4}-\d\d-\d\d@`)

// pulled returns the names with a digest that an image got from a registry. CRI-O
// makes such names for images that were loaded, too, and does not tell them apart.
func pulled(image runtime.Image) []string {
	return slices.DeleteFunc(slices.Clone(image.Digests), imported.MatchString)
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
