package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenWithFallback opens the journal at path as [Open] does. Where that is not
// possible (a full disk without a journal on it, a read-only or copy-on-write
// filesystem, one that cannot be written) it opens the one at fallback, provided
// that this is on memory-backed space, with what could be read of path's; that
// [Journal.InMemory] is then true, and it is logged. Without either there is an
// error.
//
// When path can be opened again, what a fallback holds is carried over, as the
// newer of the two, and the fallback is removed. A journal in use by another
// process is an error, [ErrInUse], and never a reason to fall back.
//
// Memory-backed space is often anybody's: a fallback that others than root and
// this program's user could have put there is neither opened nor carried over.
func OpenWithFallback(path, fallback string, o Options) (*Journal, error) {
	j, readable, err := prepare(path, o)
	if err == nil {
		readable, err = j.state, j.carryOver(fallback)
	}
	if err != nil && fallback != "" && !errors.Is(err, ErrInUse) {
		j, err = fallBack(fallback, readable, o, err)
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// fallBack opens the fallback for a journal that could not be opened, for cause.
func fallBack(fallback string, readable *state, o Options, cause error) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(fallback), 0o700); err != nil {
		return nil, fmt.Errorf("%w; fallback: %w", cause, err)
	}
	memory, err := inMemory(fallback)
	if err != nil {
		return nil, fmt.Errorf("%w; fallback %s: %w", cause, fallback, err)
	}
	if !memory {
		return nil, fmt.Errorf("%w; fallback %s: not on memory-backed space: name a file on a tmpfs", cause, fallback)
	}
	if err := trusted(fallback); err != nil {
		return nil, fmt.Errorf("%w; fallback %w", cause, err)
	}
	j, _, err := prepare(fallback, o)
	if err != nil {
		return nil, fmt.Errorf("%w; fallback: %w", cause, err)
	}
	readable.put(j.state.sorted()...)
	j.state = readable
	if err := j.start(); err != nil {
		return nil, fmt.Errorf("%w; fallback: %w", cause, err)
	}
	j.log.Error("journal in memory: what it holds is lost when this machine restarts", "path", j.path, "err", cause)
	return j, nil
}

// carryOver starts j with what a fallback holds from when j could not be opened,
// and removes the fallback once that is durable.
func (j *Journal) carryOver(fallback string) error {
	f, err := j.openLeftover(fallback)
	if err == nil && f == nil {
		return j.start()
	}
	if err != nil {
		j.file.Close()
		return fmt.Errorf("fallback journal %s: %w", fallback, err)
	}
	defer f.Close()
	r := recovery(f, f.size)
	j.state.put(r.state.sorted()...)
	if err := j.start(); err != nil {
		return err
	}
	if err := j.dismiss(fallback, r.damage); err != nil {
		j.Close()
		return fmt.Errorf("fallback journal %s: %w", fallback, err)
	}
	j.log.Warn("journal on disk again: what the one in memory held was carried over", "path", j.path,
		"fallback", fallback, "carried", len(r.state.entries))
	return nil
}

// A leftover is a fallback that was in use before.
type leftover struct {
	*os.File
	size int64
}

// openLeftover returns nil if there is none, or none that is ours.
func (j *Journal) openLeftover(path string) (*leftover, error) {
	if memory, err := inMemory(path); path == "" || err != nil || !memory {
		return nil, nil // never was in use: no folder, or not one in memory
	}
	if err := trusted(path); err != nil {
		j.log.Error("fallback journal is left where it is, unread", "path", path, "err", err)
		return nil, nil
	}
	f, err := openLocked(path, unix.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, bare(err)
	}
	return &leftover{f, info.Size()}, nil
}

// dismiss removes a fallback; a damaged one keeps another name.
func (j *Journal) dismiss(fallback string, damage error) error {
	if damage != nil {
		aside, err := link(fallback, damage, j.now())
		if err != nil {
			return err
		}
		j.reportAside(aside, damage)
	}
	return bare(os.Remove(fallback))
}
