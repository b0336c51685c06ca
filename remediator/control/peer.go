package control

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A peer is the process at the other end of a connection, as the kernel says
// that it was when it connected (SO_PEERCRED, unix(7)).
type peer struct {
	uid uint32
	pid int32 // 0 if it is in a PID namespace of which we see nothing
	who string
}

// peerOf asks the kernel who has connected. Names are looked up now: the
// process may be gone by the time something is written down.
func peerOf(c net.Conn, proc string) (peer, error) {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return peer{}, fmt.Errorf("%T is no Unix socket", c)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return peer{}, err
	}
	if failed != nil {
		return peer{}, fmt.Errorf("SO_PEERCRED: %w", failed)
	}
	return peer{uid: cred.Uid, pid: cred.Pid, who: who(proc, cred.Uid, cred.Pid)}, nil
}

// may reports whether the peer may ask: root may, and the user the program
// itself runs as.
func (p peer) may() bool {
	return p.uid == 0 || int(p.uid) == os.Geteuid()
}

// who names a user, and the one who logged in before becoming it:
// "root (login alice)".
func who(proc string, uid uint32, pid int32) string {
	name := userName(uid)
	if login, ok := loginUID(proc, pid); ok && login != uid {
		name += " (login " + userName(login) + ")"
	}
	return name
}

// userName looks into /etc/passwd; without cgo os/user does nothing else.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + id
}

// unset is the login UID of a process that no login began (proc_pid_loginuid(5)).
const unset = 1<<32 - 1

// loginUID returns as whom the person logged in from whose session a process
// comes. It stays through su and sudo, and only the audit system's capability
// can change it. ok is false where nobody logged in, or the kernel does not say.
func loginUID(proc string, pid int32) (uid uint32, ok bool) {
	if pid <= 0 {
		return 0, false
	}
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(int(pid)), "loginuid"))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
	if err != nil || n == unset {
		return 0, false
	}
	return uint32(n), true
}
