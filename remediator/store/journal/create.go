package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// newSuffix is what a journal's name ends in until it is whole.
const newSuffix = ".new"

// filler is what a new journal is written out with. It is not zero, which some
// copy as a hole, and some disks do not store.
const filler = "space that headroom's journal keeps for when the disk is full..\n"

// create makes an empty journal at path. The error is fs.ErrExist if there is a
// file meanwhile.
func (o Options) create(path string) (*Journal, error) {
	f, at, err := o.writeOut(path, newState(), o.Size)
	if err != nil {
		return nil, err
	}
	err = rename(path+newSuffix, path, unix.RENAME_NOREPLACE)
	if err == nil {
		err = syncFolder(path)
	}
	if err != nil {
		os.Remove(path + newSuffix)
		f.Close()
		return nil, err
	}
	return o.journal(path, o.wrap(osFile{f}), recovered{layout: layoutOf(o.Size), state: newState(), at: at, newest: at.generation}), nil
}

// writeOut makes a journal that holds st beside path, writes every byte of it
// and syncs it. It leaves nothing behind if it cannot.
func (o Options) writeOut(path string, st *state, size int64) (*os.File, position, error) {
	f, err := openLocked(path+newSuffix, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return nil, position{}, fmt.Errorf("make a new file: %w", err)
	}
	at, err := o.fill(f, st, size)
	if err != nil {
		os.Remove(path + newSuffix)
		f.Close()
		return nil, at, fmt.Errorf("write out a new file of %d bytes: %w", size, err)
	}
	return f, at, nil
}

func (o Options) fill(f *os.File, st *state, size int64) (position, error) {
	if err := f.Truncate(0); err != nil {
		return position{}, bare(err)
	}
	if err := reserve(f, size); err != nil {
		return position{}, err
	}
	w := o.wrap(osFile{f})
	if _, err := w.WriteAt(encodeHeader(size, o.Now()), 0); err != nil {
		return position{}, bare(err)
	}
	// The writer's own way to begin a generation, coming from a region B that
	// holds none.
	j := &Journal{file: w, layout: layoutOf(size), state: st, writer: writer{at: position{region: 1}}}
	if err := j.begin(); err != nil {
		return position{}, err
	}
	return j.at, bare(f.Sync())
}

// reserve writes every byte of f. Space that is merely allocated is converted
// when it is written, which can need room.
func reserve(f *os.File, size int64) error {
	b := bytes.Repeat([]byte(filler), (256<<10)/len(filler))
	for at := int64(0); at < size; at += int64(len(b)) {
		if _, err := f.WriteAt(b[:min(size-at, int64(len(b)))], at); err != nil {
			return bare(err)
		}
	}
	return bare(f.Sync())
}

func rename(from, to string, flags uint) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, flags)
	if err != nil {
		return fmt.Errorf("rename %s: %w", filepath.Base(from), err)
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(bare(d.Sync()), bare(d.Close()))
}
