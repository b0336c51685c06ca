package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Open opens the journal at path, or makes one, with its folder, where there is
// none. A file that cannot be wholly understood is set aside under the name
// path.damaged-TIME, or path.newer-TIME if a later release wrote it, and
// replaced by a new journal that holds what could still be read of it; see
// [Journal.SetAside].
//
// An error names path and cause. The file then still holds what it held, under
// its own name, and nothing half made lies beside it. The error is [ErrInUse]
// while another process has the journal open.
func Open(path string, o Options) (*Journal, error) {
	j, _, err := prepare(path, o)
	if err != nil {
		return nil, err
	}
	if err := j.start(); err != nil {
		return nil, err
	}
	return j, nil
}

// prepare opens or makes the journal at path, but does not begin to write. With
// an error it also returns what it could read of the file nevertheless.
func prepare(path string, o Options) (*Journal, *state, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, newState(), fmt.Errorf("journal %s: %w", path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	j, err := o.open(path)
	if err == nil {
		j.memory, err = inMemory(path)
	}
	if err != nil {
		return nil, rescue(path), fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil, nil
}

func (o Options) open(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := overwritable(path); err != nil {
		return nil, err
	}
	for {
		old, err := openLocked(path, unix.O_RDWR)
		if errors.Is(err, fs.ErrNotExist) {
			j, err := o.create(path)
			if errors.Is(err, fs.ErrExist) {
				continue // another process was faster
			}
			return j, err
		}
		if err != nil {
			return nil, err
		}
		j, err := o.adopt(path, old)
		if err != nil {
			old.Close()
		}
		return j, err
	}
}

// adopt makes a journal of the file at path, or puts a new one in its place.
func (o Options) adopt(path string, old *os.File) (*Journal, error) {
	info, err := old.Stat()
	if err != nil {
		return nil, bare(err)
	}
	f := o.wrap(osFile{old})
	r := recovery(f, info.Size())
	if r.damage != nil {
		return o.replace(path, old, r)
	}
	if err := ownBlocks(old, info.Size()); err != nil {
		return nil, fmt.Errorf("reserve space: %w", err)
	}
	if err := renew(f); err != nil {
		return nil, fmt.Errorf("renew its header: %w", err)
	}
	os.Remove(path + newSuffix) // of a start that was killed
	return o.journal(path, f, r), nil
}

func (o Options) journal(path string, f file, r recovered) *Journal {
	return &Journal{
		path:    path,
		file:    f,
		log:     o.Logger,
		now:     o.Now,
		layout:  r.layout,
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		state:   r.state,
		writer:  writer{at: r.at, newest: r.newest},
	}
}

// start begins a generation, which shows that the file can be written and makes
// durable what was only read, and then takes calls.
func (j *Journal) start() error {
	if err := j.begin(); err != nil {
		j.file.Close()
		return j.wrap(err)
	}
	go j.write()
	return nil
}

// rescue returns what can be read of a file that cannot be opened for writing.
func rescue(path string) *state {
	f, err := os.OpenFile(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return newState()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return newState()
	}
	return recovery(f, info.Size()).state
}
