package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is how long the path of a Unix socket may be (sun_path in unix(7),
// less its end).
const maxPath = 107

// A Listener is a Unix socket that only its owner may connect to.
type Listener struct {
	*net.UnixListener
	path string
	made os.FileInfo // the socket as it was made
	once sync.Once
	err  error
}

// Listen makes a socket at path, with mode 0600 from its first moment on, and
// the folder it is in, with 0700, if there is none. The socket of a process that
// is gone is replaced; one that is served is an error, as is anything else at
// path, and a folder to which others may write.
func Listen(path string) (*Listener, error) {
	if !filepath.IsAbs(path) || len(path) > maxPath {
		return nil, fmt.Errorf("%s: must be an absolute path of at most %d bytes", path, maxPath)
	}
	folder, err := openFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer folder.Close() // and others may look whether we listen
	if err := vacate(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: private}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	socket := &Listener{UnixListener: l.(*net.UnixListener), path: path}
	socket.SetUnlinkOnClose(false) // Close looks first whose it is
	if socket.made, err = os.Lstat(path); err != nil {
		l.Close()
		return nil, err
	}
	return socket, nil
}

// openFolder opens dir and keeps others who use this package from looking for a
// socket there, or making one, until it is closed.
func openFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	folder, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := checkFolder(folder); err != nil {
		folder.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return folder, nil
}

func checkFolder(folder *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(folder.Fd()), &st); err != nil {
		return err
	}
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("belongs to another user (uid %d), who could put a socket of their own there", st.Uid)
	case st.Mode&0o022 != 0:
		return errors.New("others may write there and could put a socket of their own there: chmod 0700 it")
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another process makes a socket there: %w", err)
	}
	return nil
}

// private gives a socket its mode before it has a name: bind(2) takes it over
// (unix_bind_bsd in net/unix/af_unix.c), so that there is no moment at which
// others could connect.
func private(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) })
	return errors.Join(err, failed)
}

// vacate removes the socket that a process left behind.
func vacate(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s: is there and is no socket: move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		defer conn.Close()
		if p, err := peerOf(conn, "/proc"); err == nil && p.pid > 0 {
			return fmt.Errorf("%s: in use by process %d", path, p.pid)
		}
		return fmt.Errorf("%s: in use by another process", path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("is it in use? %w", err)
	}
	return os.Remove(path)
}

// Close stops listening and removes the socket, unless another has taken its
// place.
func (l *Listener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.made) {
			l.err = os.Remove(l.path)
		}
		l.err = errors.Join(l.UnixListener.Close(), l.err)
	})
	return l.err
}
