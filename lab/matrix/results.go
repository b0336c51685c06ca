package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// results are kept in a file, one a line, each added when its play was over: a play
// that was cut short is not there. The newest of a key counts. It may be used from
// many goroutines.
type results struct {
	path string

	mu  sync.Mutex
	all map[key]result
}

// openResults reads what is kept in dir.
func openResults(dir string) (*results, error) {
	r := &results{path: filepath.Join(dir, "plays.jsonl"), all: make(map[key]result)}
	data, err := os.ReadFile(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(data, []byte("\n"))
	for i, line := range lines {
		if len(line) == 0 {
			continue
		}
		var one result
		if err := json.Unmarshal(line, &one); err != nil {
			if i == len(lines)-1 {
				break // killed while it was written
			}
			return nil, fmt.Errorf("%s: line %d: %w", r.path, i+1, err)
		}
		r.all[one.key()] = one
	}
	return r, nil
}

// add keeps a result: it is on the disk when add returns.
func (r *results) add(one result) error {
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	end, err := whole(file)
	if err == nil {
		_, err = file.WriteAt(append(line, '\n'), end)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("keep a result: %w", err)
	}
	r.all[one.key()] = one
	return nil
}

// whole is where the last whole line of a file ends; what lies behind is torn, and
// cut off.
func whole(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	data := make([]byte, info.Size())
	if _, err := file.ReadAt(data, 0); err != nil && len(data) > 0 {
		return 0, err
	}
	end := int64(bytes.LastIndexByte(data, '\n') + 1)
	return end, file.Truncate(end)
}

// of returns the plays of a row that are kept, as the row is now, by whatever was in
// the tree then.
func (r *results) of(w row, with bool) []result {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []result
	for play := 1; play <= plays; play++ {
		if one, ok := r.all[key{w.name(), with, play}]; ok && one.Parameters == hash(w.parameters()) {
			found = append(found, one)
		}
	}
	return found
}

// counts returns those of them that need not be played again: by what is in the tree
// now.
func (r *results) counts(w row, with bool, now inputs) []result {
	return slices.DeleteFunc(r.of(w, with), func(one result) bool { return one.Took != now.of(with) })
}
