package remediator

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// A journald writes a journal and rotates it when it is asked to by varlink, as
// far as journal-vacuum can see. The real one is tried on a booted machine, in
// lab/machine.
type journald struct {
	path string

	mu   sync.Mutex
	file *os.File
}

func newJournald(path, socket string) (*journald, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	d := &journald{path: path, file: f}
	go d.serve(l)
	return d, nil
}

func (d *journald) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		if _, err := bufio.NewReader(conn).ReadString(0); err == nil {
			if err := d.rotate(); err != nil {
				panic(err)
			}
			conn.Write([]byte(`{"parameters":{}}` + "\x00"))
		}
		conn.Close()
	}
}

// rotate makes an archive of the file that is written, and begins another.
func (d *journald) rotate() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.file.WriteAt([]byte{2}, 16); err != nil { // its state: archived
		return err
	}
	if err := os.Rename(d.path, filepath.Join(filepath.Dir(d.path), archived(9))); err != nil {
		return err
	}
	d.file.Close()
	var err error
	d.file, err = os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	return err
}

// log adds to the file that is written.
func (d *journald) log() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.file.Seek(0, 2); err != nil {
		return err
	}
	_, err := d.file.WriteString(writtenLater)
	return err
}
