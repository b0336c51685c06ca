package node

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/nodeheadroom/headroom"
)

// readers are the readers of filesystems, by their cleaned paths. One that no
// role names any more is dropped, but never while its call hangs: a path that
// goes and comes back finds the call that it left, and no second one is made.
// Safe for concurrent use.
type readers struct {
	timeout time.Duration

	mu     sync.Mutex
	byPath map[string]*FilesystemReader
}

// maxReaders bounds the threads that paths can hang, named one after another:
// as many as there are roles, and some that have not come back.
const maxReaders = 16

func newReaders(timeout time.Duration) *readers {
	return &readers{timeout: timeout, byPath: make(map[string]*FilesystemReader)}
}

// An inquiry is a role with the call that reads its filesystem. Roles with one
// path have one call.
type inquiry struct {
	role   headroom.Filesystem
	reader *FilesystemReader
	flight *flight[Filesystem]
}

// start begins to read the filesystems of those roles that have a path, in the
// order given, and drops the readers of paths that no role has.
func (r *readers) start(paths map[headroom.Filesystem]string, roles ...headroom.Filesystem) []inquiry {
	// Calls begin under the lock: a reader that is about to be asked is not idle.
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(paths)
	asked := make([]inquiry, 0, len(roles))
	for _, role := range roles {
		if paths[role] == "" {
			continue
		}
		q := inquiry{role: role, reader: r.reader(filepath.Clean(paths[role]))}
		q.flight = begin(q.reader, asked)
		asked = append(asked, q)
	}
	return asked
}

// begin returns the call that an earlier role made of a reader, or a new one.
func begin(reader *FilesystemReader, asked []inquiry) *flight[Filesystem] {
	for _, earlier := range asked {
		if earlier.reader == reader {
			return earlier.flight
		}
	}
	return reader.start()
}

// reader returns the reader of a path, a new one if there is none.
func (r *readers) reader(path string) *FilesystemReader {
	if known := r.byPath[path]; known != nil {
		return known
	}
	if len(r.byPath) >= maxReaders {
		return refuser(path)
	}
	reader := NewFilesystem(path, r.timeout)
	r.byPath[path] = reader
	return reader
}

// refuser returns a reader that has answered already, with an error.
func refuser(path string) *FilesystemReader {
	done := make(chan struct{})
	close(done)
	err := fmt.Errorf("%s: is not read before one of the %d paths answers that hang already", path, maxReaders)
	return &FilesystemReader{question[Filesystem]{flight: &flight[Filesystem]{done: done, err: err}}}
}

func (r *readers) drop(paths map[headroom.Filesystem]string) {
	for path, reader := range r.byPath {
		if !named(paths, path) && reader.idle() {
			delete(r.byPath, path)
		}
	}
}

func named(paths map[headroom.Filesystem]string, path string) bool {
	for _, p := range paths {
		if p != "" && filepath.Clean(p) == path {
			return true
		}
	}
	return false
}
