package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// folder is one that only we may enter, with a short name: a socket's path has
// little room.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, path string) *Listener {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// Whatever the umask: bind(2) takes the mode that the socket has by then.
func TestOnlyTheOwnerReachesTheSocket(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	path := filepath.Join(folder(t), "run", "socket")
	l := listen(t, path)
	if got := mode(t, path); got != os.ModeSocket|0o600 {
		t.Errorf("socket %v", got)
	}
	if got := mode(t, filepath.Dir(path)); got != os.ModeDir|0o700 {
		t.Errorf("folder %v", got)
	}
	l.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("closed, it leaves the socket behind: %v", err)
	}
}

func TestTheSocketOfAProcessThatIsGoneIsReplaced(t *testing.T) {
	path := filepath.Join(folder(t), "socket")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as a kill leaves it
	dead.Close()
	listen(t, path)
	if conn, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}

func TestASocketThatHasTakenItsPlaceIsNotRemoved(t *testing.T) {
	path := filepath.Join(folder(t), "socket")
	first := listen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listen(t, path)
	first.Close()
	mode(t, path)
}

func TestRefusesToListen(t *testing.T) {
	cases := map[string]struct {
		prepare func(t *testing.T, path string) string
		want    string
	}{
		"where somebody serves": {
			func(t *testing.T, path string) string { listen(t, path); return path },
			"in use by process ",
		},
		"where somebody is too busy to answer": {
			func(t *testing.T, path string) string { busy(t, path); return path },
			"is it in use?",
		},
		"where there is a file, which stays": {
			func(t *testing.T, path string) string {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { mode(t, path) })
				return path
			},
			"is no socket",
		},
		"where a link leads to a socket": {
			func(t *testing.T, path string) string {
				if err := os.Symlink(path, path+"2"); err != nil {
					t.Fatal(err)
				}
				return path + "2"
			},
			"is no socket",
		},
		"in a folder to which others may write": {
			func(t *testing.T, path string) string {
				if err := os.Chmod(filepath.Dir(path), 0o777|os.ModeSticky); err != nil {
					t.Fatal(err)
				}
				return path
			},
			"chmod 0700",
		},
		"in a folder that is a link": {
			func(t *testing.T, path string) string {
				link := filepath.Join(filepath.Dir(path), "link")
				if err := os.Symlink(folder(t), link); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(link, "socket")
			},
			"link",
		},
		"while another process looks whether it may": {
			func(t *testing.T, path string) string {
				other, err := openFolder(filepath.Dir(path))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { other.Close() })
				return path
			},
			"another process makes a socket there",
		},
		"by a path from here": {func(*testing.T, string) string { return "socket" }, "absolute"},
		"by an abstract name": {func(*testing.T, string) string { return "@headroom" }, "absolute"},
		"by too long a path":  {func(_ *testing.T, path string) string { return path + strings.Repeat("x", 100) }, "at most 107 bytes"},
		"below what is no folder": {
			func(*testing.T, string) string { return "/proc/version/socket" },
			"not a directory",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := c.prepare(t, filepath.Join(folder(t), "socket"))
			l, err := Listen(path)
			if err == nil {
				l.Close()
				t.Fatal("it listens")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
		})
	}
}

// busy listens at path and accepts nobody, until the queue is full and connect
// fails with EAGAIN.
func busy(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.Dial("unix", path)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// stranger connects as another user. The thread that becomes one is never used
// again: its goroutine ends while it is locked to it.
func stranger(t *testing.T, path string, uid int) (net.Conn, error) {
	t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			done <- result{nil, errno}
			return
		}
		conn, err := net.Dial("unix", path)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// Two doors: the mode of the socket, and what the kernel says of who came
// through it nevertheless.
func TestAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can become another user: the second door is shown by TestAPeerThatMayNot")
		return
	}
	dir := folder(t)
	path := filepath.Join(dir, "socket")
	client := serve(t, path, &fake{})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger(t, path, 65534); !errors.Is(err, unix.EACCES) {
		t.Errorf("through the first door: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	conn, err := stranger(t, path, 65534)
	if err != nil {
		t.Fatal(err)
	}
	client.http.Transport = over(conn)
	if _, err := client.State(t.Context()); !errors.Is(err, ErrForbidden) {
		t.Errorf("through the second door: %v", err)
	}
}
