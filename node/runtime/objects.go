package runtime

import "time"

// An Image is one of the runtime's, as the CRI lists it.
type Image struct {
	ID      string
	Tags    []string // names with a tag
	Digests []string // names with a digest: those by which a registry gave it
	Size    int64    // bytes, as the runtime counts them: what its removal frees may be less, or 0
	Pinned  bool     // the runtime asks that it stays
}

// A Container is one of the runtime's, running or dead.
type Container struct {
	ID        string
	Sandbox   string // ID
	Namespace string // of the pod, like what follows; empty if nobody says
	Pod       string
	PodUID    string
	Name      string
	Attempt   uint32 // counts restarts
	Running   bool
	Dead      bool // exited; neither is created and not started, or unknown
	Created   time.Time
	// ImageRefs are all names and IDs by which it says what it was made from.
	ImageRefs   []string
	Labels      map[string]string
	Annotations map[string]string

	// Of its status only:
	Finished time.Time
	LogPath  string // absolute
}

// A Sandbox is a pod's, ready or not.
type Sandbox struct {
	ID        string
	Namespace string
	Pod       string
	PodUID    string
	Attempt   uint32
	Ready     bool
	Created   time.Time
	// ImageRefs are the names and IDs of the image it holds, as far as the
	// runtime says so.
	ImageRefs   []string
	Labels      map[string]string
	Annotations map[string]string
}
