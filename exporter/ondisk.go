package exporter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node"
)

type pod struct{ namespace, name string }

// walkNode returns consumers of logs below each of the folders and of emptyDirs
// below nodefs's path. An error says why it is not all of them.
func walkNode(ctx context.Context, logs []string, filesystems map[headroom.Filesystem]node.Filesystem) ([]headroom.Consumer, error) {
	nodefs, ok := filesystems[headroom.NodeFS]
	if !ok {
		return nil, errors.New("not counted, for nodefs cannot be read") // and would hang here as well
	}
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	w := &walker{ctx: ctx, roles: make(map[node.Disk]headroom.Filesystem), pods: make(map[string]pod)}
	for _, role := range []headroom.Filesystem{headroom.ImageFS, headroom.ContainerFS, headroom.NodeFS} {
		if f, ok := filesystems[role]; ok {
			w.roles[f.Disk] = role // of two roles, nodefs: what is written there counts for it
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, folder := range logs {
			w.logs(folder)
		}
		w.emptyDirs(filepath.Join(nodefs.Path, "pods"))
	}()
	select {
	case <-done:
		return w.found, errors.Join(w.errs...)
	case <-time.After(walkTime + time.Second):
		return nil, fmt.Errorf("%s or %s/pods does not answer", strings.Join(logs, ", "), nodefs.Path)
	}
}

// logs counts a folder of logs, as the kubelet lays it out:
//
//	NAMESPACE_POD_UID/CONTAINER/0.log
func (w *walker) logs(folder string) {
	root := w.open(folder)
	if root == nil {
		return
	}
	defer root.Close()
	w.folders(root, func(name string, dir *os.File) {
		parts := strings.Split(name, "_")
		if len(parts) != 3 {
			return
		}
		p := pod{parts[0], parts[1]}
		w.pods[parts[2]] = p
		w.folders(dir, func(container string, dir *os.File) {
			w.add(headroom.Logs, p, container, dir)
		})
	})
}

// emptyDirs counts the pods' volumes of that kind, as the kubelet lays them out:
//
//	UID/volumes/kubernetes.io~empty-dir/NAME
func (w *walker) emptyDirs(folder string) {
	root := w.open(folder)
	if root == nil {
		return
	}
	defer root.Close()
	w.folders(root, func(uid string, dir *os.File) {
		p, ok := w.pods[uid]
		if !ok {
			p = pod{name: uid}
		}
		if volumes := w.descend(dir, "volumes"); volumes != nil {
			defer volumes.Close()
			if of := w.descend(volumes, "kubernetes.io~empty-dir"); of != nil {
				defer of.Close()
				w.add(headroom.EmptyDir, p, "", of)
			}
		}
	})
}

// add counts a tree and enters it.
func (w *walker) add(k headroom.Kind, p pod, container string, dir *os.File) {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		w.fail(dir.Name(), err)
		return
	}
	u := usage{st.Blocks * 512, 1}
	w.tree(dir, st.Dev, &u, make(map[uint64]bool), 0)
	role := w.roles[node.Disk{Major: unix.Major(st.Dev), Minor: unix.Minor(st.Dev)}]
	c := headroom.Consumer{Filesystem: role, Kind: k, Namespace: p.namespace, Pod: p.name, Container: container}
	c.Unit, c.Used = headroom.Bytes, u.bytes
	w.found = append(w.found, c)
	c.Unit, c.Used = headroom.Inodes, u.inodes
	w.found = append(w.found, c)
}
