package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/lab/tools"
)

// Programs are what a lab is made of, from this project's pinned tools.
var Programs = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
	"containerd", "containerd-shim-runc-v2", "ctr",
}

// A Cluster is a running control plane and its nodes. Its methods may be called
// from several goroutines, except those that start and stop nodes.
type Cluster struct {
	Dir string // all state
	ID  string // names what lies outside of Dir
	URL string // the API server's

	state
	net      subnet
	programs map[string]string
	ca       *authority
	client   *http.Client
	loads    atomic.Int32
}

// CA is the file with the certificate that the API server's, the kubelets' and
// all clients' are signed by.
func (c *Cluster) CA() string { return c.ca.CA() }

// Address is this side of the network that the nodes are on: what listens there
// they reach.
func (c *Cluster) Address() string { return c.net.host() }

// Kubeconfig is the administrator's.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }

// Admin is the administrator's certificate.
func (c *Cluster) Admin() KeyPair {
	return KeyPair{filepath.Join(c.Dir, "pki", "admin.crt"), filepath.Join(c.Dir, "pki", "admin.key")}
}

// Up starts a control plane whose state is in dir, which must not exist, and
// returns once it answers. Where it fails it leaves nothing. The processes
// outlive this one: Down ends them.
func Up(ctx context.Context, dir string) (c *Cluster, err error) {
	if dir, err = real(dir); err != nil {
		return nil, err
	}
	if err := check(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start a lab: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, Down(context.WithoutCancel(ctx), dir))
		}
	}()
	if c, err = prepare(dir); err != nil {
		return nil, err
	}
	if err := c.bridge(ctx); err != nil {
		return nil, err
	}
	return c, c.control(ctx)
}

// Finish records that everything was started that should be: until then Whole is
// an error.
func (c *Cluster) Finish() error {
	c.Complete = true
	return c.save()
}

// Whole is nil if the lab was started completely and all its daemons run.
func (c *Cluster) Whole() error {
	if !c.Complete {
		return fmt.Errorf("the lab in %s was not started completely", c.Dir)
	}
	parts := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
	for _, n := range c.Nodes() {
		parts = append(parts, n.part("holder"), n.part("containerd"), n.part("kubelet"))
	}
	var gone error
	for _, part := range parts {
		gone = errors.Join(gone, c.alive(part))
	}
	return gone
}

// hidden folders are a node's own: nothing in them is seen from inside.
var hidden = []string{"/run", "/var/run", "/var/log", "/var/lib", "/proc", "/sys", "/dev"}

// check says what stands in the way of a lab in dir.
func check(dir string) error {
	for _, h := range hidden {
		if strings.HasPrefix(dir+"/", h+"/") {
			return fmt.Errorf("start a lab in %s: its nodes have a %s of their own: choose another folder", dir, h)
		}
	}
	if len(dir) > 70 {
		return fmt.Errorf("start a lab in %s: sockets below it would have too long a name: choose a shorter folder", dir)
	}
	if lacks := Lacks(); len(lacks) > 0 {
		return fmt.Errorf("start a lab: this machine lacks %s", strings.Join(lacks, ", "))
	}
	return nil
}

// prepare makes the folder's contents that need no process.
func prepare(dir string) (*Cluster, error) {
	c := &Cluster{Dir: dir, ID: Identity(dir)}
	var err error
	if c.programs, err = locate(); err != nil {
		return nil, err
	}
	if c.Subnet, err = choose(); err != nil {
		return nil, err
	}
	if err := c.save(); err != nil {
		return nil, err
	}
	c.net = c.Subnet
	c.URL = "https://" + c.net.host() + ":6443"
	// Disks that are mounted here later are to be seen in the nodes' namespaces.
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("bind %s to itself: %w", dir, err)
	}
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
		return nil, fmt.Errorf("make %s shared: %w", dir, err)
	}
	if err := makeCgroup("/" + c.ID); err != nil {
		return nil, err
	}
	pki := filepath.Join(dir, "pki")
	if err := os.Mkdir(pki, 0o755); err != nil {
		return nil, err
	}
	if c.ca, err = newAuthority(pki); err != nil {
		return nil, err
	}
	return c, nil
}

// Open returns the lab that another process has started in dir.
func Open(dir string) (*Cluster, error) {
	dir, err := real(dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, ID: Identity(dir)}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("no lab: %w", err)
	}
	c.net = c.Subnet
	c.URL = "https://" + c.net.host() + ":6443"
	if c.programs, err = locate(); err != nil {
		return nil, err
	}
	if c.ca, err = openAuthority(filepath.Join(dir, "pki")); err != nil {
		return nil, err
	}
	c.client, err = newClient(c.CA(), c.Admin())
	return c, err
}

// locate finds every program, and builds it if it is missing.
func locate() (map[string]string, error) {
	found := map[string]string{}
	for _, name := range Programs {
		path, err := tools.Path(name)
		if err != nil {
			return nil, err
		}
		found[name] = path
	}
	return found, nil
}
