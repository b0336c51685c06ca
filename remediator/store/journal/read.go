package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nodeheadroom/headroom"
)

// Read returns what the journal at path holds, as [Journal.Load] does, without
// a lock and while another process may be writing to it. Of a file that is
// damaged it returns what can be read together with an error that says so; the
// error is fs.ErrNotExist if there is no file.
func Read(path string) ([]headroom.Case, error) {
	st, damage := read(path)
	cs, err := cases(st.sorted())
	return cs, errors.Join(damage, err)
}

// ReadWithFallback is Read for a journal that was opened by [OpenWithFallback]:
// what the fallback holds, if there is one, replaces what path does.
func ReadWithFallback(path, fallback string) ([]headroom.Case, error) {
	st, damage := read(path)
	over, err := read(fallback)
	switch {
	case err == nil && errors.Is(damage, fs.ErrNotExist):
		damage = nil
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	st.put(over.sorted()...)
	cs, caseErr := cases(st.sorted())
	return cs, errors.Join(damage, err, caseErr)
}

// read reads a journal until it finds it whole. What is read while the writer
// goes from one region to the other and back can look damaged; it is, once two
// readings are the same.
func read(path string) (*state, error) {
	var before []byte
	for tries := 1; ; tries++ {
		b, err := readFile(path)
		if err != nil {
			return newState(), fmt.Errorf("journal %s: %w", path, err)
		}
		r := recovery(bytes.NewReader(b), int64(len(b)))
		if r.damage == nil {
			return r.state, nil
		}
		if bytes.Equal(b, before) || tries == 10 {
			return r.state, fmt.Errorf("journal %s: damaged: %w", path, r.damage)
		}
		before = b
	}
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxSize {
		return nil, fmt.Errorf("not a journal: want a regular file of at most %d bytes", int64(MaxSize))
	}
	b, err := os.ReadFile(path)
	return b, bare(err)
}
