package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/nodeheadroom/headroom/lab/disk"
)

// A subnet is the 10.x that a lab has for itself: 10.x.0.0/24 is the bridge with
// the API server on .1 and the nodes from .11 on, 10.x.101.0/24 and on are the
// pods of each node, 10.x.200.0/24 the services.
type subnet int

// choose finds a subnet that this machine knows nothing of.
func choose() (subnet, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return 0, err
	}
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return 0, err
	}
	for n := subnet(190); n < 250; n++ {
		if !n.taken(addresses, string(routes)) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no free network among 10.190.0.0/16 to 10.249.0.0/16")
}

// taken looks at addresses, and at routes as /proc/net/route has them, in
// hexadecimal from the last byte to the first:
//
//	eth0	0000BE0A	00000000	0001	0	0	0	0000FFFF	0	0	0
func (n subnet) taken(addresses []net.Addr, routes string) bool {
	for _, address := range addresses {
		if a, ok := address.(*net.IPNet); ok {
			if ip := a.IP.To4(); ip != nil && ip[0] == 10 && (ip[1] == byte(n) || a.Contains(net.IPv4(10, byte(n), 0, 1))) {
				return true
			}
		}
	}
	return strings.Contains(routes, fmt.Sprintf("%02X0A\t", int(n)))
}

func (n subnet) host() string       { return fmt.Sprintf("10.%d.0.1", n) }
func (n subnet) node(i int) string  { return fmt.Sprintf("10.%d.0.%d", n, 10+i) }
func (n subnet) pods(i int) string  { return fmt.Sprintf("10.%d.%d.0/24", n, 100+i) }
func (n subnet) services() string   { return fmt.Sprintf("10.%d.200.0/24", n) }
func (n subnet) kubernetes() string { return fmt.Sprintf("10.%d.200.1", n) }

// ip runs ip with the words of its arguments.
func ip(ctx context.Context, words string, rest ...string) error {
	args := append(strings.Fields(words), rest...)
	out, err := exec.CommandContext(ctx, disk.Program("ip"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// bridge makes the lab's bridge, which the nodes hang on.
func (c *Cluster) bridge(ctx context.Context) error {
	if err := ip(ctx, "link add "+c.ID+" type bridge"); err != nil {
		return err
	}
	if err := ip(ctx, "addr add "+c.net.host()+"/24 dev "+c.ID); err != nil {
		return err
	}
	return ip(ctx, "link set "+c.ID+" up")
}

// wire connects the network namespace of node i, held by process pid, to the
// bridge.
func (c *Cluster) wire(ctx context.Context, i, pid int) error {
	end := fmt.Sprintf("%sn%02d", c.ID, i)
	inside := fmt.Sprintf("--net=/proc/%d/ns/net", pid)
	for _, step := range []string{
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", end, pid),
		fmt.Sprintf("link set %s master %s up", end, c.ID),
	} {
		if err := ip(ctx, step); err != nil {
			return err
		}
	}
	for _, step := range []string{
		"link set lo up",
		"addr add " + c.net.node(i) + "/24 dev eth0",
		"link set eth0 up",
		"route add default via " + c.net.host(),
	} {
		out, err := exec.CommandContext(ctx, "nsenter", append([]string{inside, disk.Program("ip")}, strings.Fields(step)...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("in the node's namespace: ip %s: %w %s", step, err, out)
		}
	}
	return ip(ctx, "route replace "+c.net.pods(i)+" via "+c.net.node(i))
}

// unwire removes every link of this network namespace whose name begins so.
func unwire(ctx context.Context, prefix string) error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, link := range links {
		if !strings.HasPrefix(link.Name, prefix) {
			continue
		}
		err := ip(ctx, "link del "+link.Name)
		if _, gone := net.InterfaceByName(link.Name); err != nil && gone == nil { // a veth may go by itself, with its namespace
			return err
		}
	}
	return nil
}
