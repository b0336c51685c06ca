package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// holder makes the folders that kubelet and containerd insist on the node's own,
// in memory, gives it copies of the kernel settings, and then only keeps the
// namespaces. Mounts made outside come in, for the lab's folder is shared; those
// made inside stay there, and vanish with the last process.
const holder = `set -e
mount --make-rshared /
for dir in /run /var/log /var/lib; do
	mount -t tmpfs -o mode=0755 node "$dir"
done
ready=$1
settings=$2
socket=$3
shift 3
mkdir /run/containerd
ln -s "$socket" /run/containerd/containerd.sock # cAdvisor looks nowhere else
for name; do
	copy=$settings/$(echo "$name" | tr / .)
	[ -e "/proc/sys/$name" ] || continue
	cat "/proc/sys/$name" > "$copy"
	mount --bind "$copy" "/proc/sys/$name"
done
: > "$ready"
exec sleep infinity`

func (n *Node) hold(ctx context.Context) error {
	ready, copies := filepath.Join(n.Dir, "held"), filepath.Join(n.Dir, "settings")
	if err := os.Mkdir(copies, 0o755); err != nil {
		return err
	}
	line := []string{"--mount", "--net", "--propagation=slave", "--", "/bin/sh", "-c", holder, "holder", ready, copies, n.Socket()}
	if err := n.cluster.spawn(n.part("holder"), nil, "unshare", append(line, settings...)...); err != nil {
		return err
	}
	return Wait(ctx, "the node's namespaces", func(context.Context) error {
		if err := n.cluster.alive(n.part("holder")); err != nil {
			return err
		}
		_, err := os.Stat(ready)
		return err
	})
}

// enter is the command line that begins a program inside the node.
func (n *Node) enter() ([]string, error) {
	p, err := n.cluster.find(n.part("holder"))
	if err != nil {
		return nil, err
	}
	if !p.runs() {
		return nil, fmt.Errorf("node %s has no namespaces any more", n.Name)
	}
	at := fmt.Sprintf("/proc/%d/ns/", p.PID)
	return []string{"nsenter", "--mount=" + at + "mnt", "--net=" + at + "net", "--"}, nil
}

// Command returns a command that runs inside the node, in its mount and network
// namespaces. It ends with ctx, and with the lab.
func (n *Node) Command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	line, err := n.enter()
	if err != nil {
		return nil, err
	}
	line = append(append(line, name), args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = n.cluster.environment(n.part("command"))
	return cmd, nil
}
