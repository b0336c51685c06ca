package remedy

import (
	"context"
	"time"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// A Runtime is the container runtime as the CRI shows it. All methods may be
// called from many goroutines. What does not exist (any more) is no error to
// remove.
type Runtime interface {
	Images
	Containers
	Sandboxes
}

// Images are the runtime's images.
type Images interface {
	Images(ctx context.Context) ([]runtime.Image, error)
	// Image returns what a name, as a pod gives it, or an ID stands for; false
	// if the runtime does not have it.
	Image(ctx context.Context, ref string) (runtime.Image, bool, error)
	// RemoveImage removes an image by its ID, and with it all its names.
	RemoveImage(ctx context.Context, id string) error
}

// Containers are the runtime's containers, dead ones included.
type Containers interface {
	Containers(ctx context.Context) ([]runtime.Container, error)
	// Container adds what only a container's own status tells.
	Container(ctx context.Context, id string) (runtime.Container, bool, error)
	RemoveContainer(ctx context.Context, id string) error
	// Written says how much a container has written into its own filesystem. It
	// is not known where the runtime does not say so of this one: containerd
	// says it of running ones only.
	Written(ctx context.Context, id string) (bytes, inodes int64, known bool, err error)
	// Volumes are the paths in a container of what its image declares a volume and
	// nothing was mounted over: the runtime removes what is in them with the
	// container. They are not known where the runtime does not say so.
	Volumes(ctx context.Context, id string) (paths []string, known bool, err error)
	// ReopenLog makes the runtime create the container's log anew and write
	// there. It fails for a container that does not run.
	ReopenLog(ctx context.Context, id string) error
}

// Sandboxes are the runtime's pod sandboxes, dead ones included.
type Sandboxes interface {
	Sandboxes(ctx context.Context) ([]runtime.Sandbox, error)
	RemoveSandbox(ctx context.Context, id string) error
}

// Pods are those that are bound to this node, whether they run yet or not.
type Pods interface {
	Pods(ctx context.Context) ([]node.Pod, error)
}

// Unused remembers images.
type Unused interface {
	// Since returns since when the image has been seen, and never seen in use;
	// false if it is in use or was not seen before: then it is young.
	Since(id string) (time.Time, bool)
}
