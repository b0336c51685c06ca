package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// A reader reads the logs of containers as anybody can: from their files, rotated
// ones included. Every line has a number, so it can tell afterwards what it can read
// no more. It may be used from many goroutines.
type reader struct {
	root string // the pods' logs

	mu   sync.Mutex
	seen map[string]*written // by path of the live log
}

// written is what a container has written since it was started.
type written struct {
	last  int   // number of the last line seen, from 0
	bytes int64 // of a line, on the average of those seen
}

func newReader(root string) *reader { return &reader{root: root, seen: make(map[string]*written)} }

// wrote notes that the line of that number was written to a live log or what became
// of it, so many bytes long.
func (r *reader) wrote(log string, number int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.seen[log]
	if w == nil {
		w = &written{last: -1}
		r.seen[log] = w
	}
	if number > w.last {
		w.last, w.bytes = number, bytes
	}
}

// look notes how far all logs have come.
func (r *reader) look() error {
	logs, err := filepath.Glob(filepath.Join(r.root, "*", "*", "*.log"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		number, size, err := last(log)
		if err != nil {
			return err
		}
		if number >= 0 {
			r.wrote(log, number, size)
		}
	}
	return nil
}

// tail is more than the longest line twice.
const tail = 2*lineBytes + 1024

// last reads the number and the size of the last whole line of a log; -1 if there is
// none, or no log any more.
func last(path string) (number int, size int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, 0, nil
	}
	if err != nil {
		return -1, 0, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > tail {
		file.Seek(-tail, io.SeekEnd)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return -1, 0, err
	}
	number = -1
	for line := range bytes.Lines(data) {
		if n, s, ok := numbered(line); ok {
			number, size = n, s
		}
	}
	return number, size, nil
}

// numbered reads a line that a runtime has written for a worker that numbers its
// own, and returns its number and what the worker wrote, in bytes:
//
//	2026-11-25T22:50:18.123456789Z stdout F 000000000042 Zk3…
func numbered(line []byte) (number int, size int64, ok bool) {
	fields := bytes.SplitN(line, []byte(" "), 5)
	if len(fields) != 5 || string(fields[1]) != "stdout" || len(fields[3]) != 12 || line[len(line)-1] != '\n' {
		return 0, 0, false
	}
	number, err := strconv.Atoi(string(fields[3]))
	return number, int64(len(fields[3]) + 1 + len(fields[4])), err == nil
}

// lost is how many bytes of the logs of pods whose names begin so nobody can read
// any more.
func (r *reader) lost(pod string) (total int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for log, w := range r.seen {
		folder := filepath.Base(filepath.Dir(filepath.Dir(log)))
		if _, name, _ := strings.Cut(folder, "_"); !strings.HasPrefix(name, pod+"-") {
			continue
		}
		there, err := readable(log, w.last)
		if err != nil {
			return 0, err
		}
		total += int64(w.last+1-there) * w.bytes
	}
	return total, nil
}

// readable counts the lines up to a number that can be read of a log and its rotated
// parts.
func readable(log string, last int) (count int, err error) {
	files, err := filepath.Glob(log + "*")
	if err != nil {
		return 0, err
	}
	there := make([]bool, last+1)
	for _, file := range files {
		if err := lines(file, there); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	for _, is := range there {
		if is {
			count++
		}
	}
	return count, nil
}

// lines notes which numbers a file has, compressed or not. What is torn at its end is
// not there.
func lines(path string, there []bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var from io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			return nil // not finished: its original is still there, or it is lost
		}
		from = unzipped
	}
	buffered := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := buffered.ReadSlice('\n')
		if n, _, ok := numbered(line); ok && n < len(there) {
			there[n] = true
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil
		}
	}
}

// allocated is what a file takes on its disk, in bytes.
func allocated(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
