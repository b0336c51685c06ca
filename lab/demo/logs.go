package main

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A logFile is what the disk says of one.
type logFile struct {
	path  string
	bytes int64 // of blocks
}

// logs tells what of the logs went or became smaller since before, once the alert
// is on its way: until then it is the writers who remove.
func (w *watch) logs(before map[uint64]logFile) (after map[uint64]logFile) {
	after = list(w.parts.node.logs())
	if !w.has(pending) {
		return after
	}
	now := time.Now()
	for _, c := range compare(before, after) {
		w.happen(freed, now, "seen on the disk")
		w.note(now, "  "+c.what, "%s  %s", c.size, w.parts.node.short(c.path))
	}
	return after
}

// list finds the regular files below dir by their inodes: a name may move.
func list(dir string) map[uint64]logFile {
	files := make(map[uint64]logFile)
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // gone meanwhile, or no log
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			files[st.Ino] = logFile{path, st.Blocks * 512}
		}
		return nil
	})
	return files
}

type change struct{ what, size, path string }

// compare says which files went and then which shrank, in the order of their
// paths.
func compare(before, after map[uint64]logFile) []change {
	var removed, truncated []change
	inodes := slices.SortedFunc(maps.Keys(before), func(a, b uint64) int {
		return strings.Compare(before[a].path, before[b].path)
	})
	for _, inode := range inodes {
		old := before[inode]
		file, still := after[inode]
		switch {
		case !still:
			removed = append(removed, change{"removed", size(old.bytes), old.path})
		case file.bytes < old.bytes/2:
			truncated = append(truncated, change{"truncated", size(old.bytes - file.bytes), old.path})
		}
	}
	return append(removed, truncated...)
}
