package remedy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errNotSpoken says that a service does not offer a method: it is not there, or
// older.
var errNotSpoken = errors.New("is not spoken there")

const (
	varlinkPatience = 30 * time.Second // journald writes everything out before it answers
	maxVarlink      = 64 << 10
)

// varlinkCall calls a method without parameters of root's service on a Unix
// socket. A call and its answer are JSON objects, each with a NUL at its end
// (https://varlink.org/Service):
//
//	{"method":"io.systemd.Journal.Rotate"}
//	{"parameters":{}} or {"error":"org.varlink.service.MethodNotFound",…}
func varlinkCall(ctx context.Context, socket, method string) error {
	ctx, stop := context.WithTimeout(ctx, varlinkPatience)
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("varlink %w: %w", errNotSpoken, err)
	} else if err != nil {
		return fmt.Errorf("varlink: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if err := ofRoot(conn.(*net.UnixConn)); err != nil {
		return fmt.Errorf("varlink %s: %w", socket, err)
	}
	answer, err := converse(conn, method)
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		// A service hangs up on processes whose number it cannot see.
		return fmt.Errorf("varlink %w: %w (is this the machine's PID namespace?)", errNotSpoken, err)
	}
	if err != nil {
		return fmt.Errorf("varlink %s: %w", method, errors.Join(ctx.Err(), err))
	}
	switch answer {
	case "":
		return nil
	case "org.varlink.service.MethodNotFound", "org.varlink.service.InterfaceNotFound":
		return fmt.Errorf("varlink %w: %s", errNotSpoken, answer)
	}
	return fmt.Errorf("varlink %s: it answers %s", method, printable(answer))
}

// converse sends a call and returns the error of its answer, or "".
func converse(conn io.ReadWriter, method string) (string, error) {
	call, err := json.Marshal(struct {
		Method string `json:"method"`
	}{method})
	if err != nil {
		return "", err
	}
	if _, err := conn.Write(append(call, 0)); err != nil {
		return "", err
	}
	data, err := bufio.NewReader(io.LimitReader(conn, maxVarlink)).ReadBytes(0)
	if err != nil {
		return "", fmt.Errorf("its answer: %w", err)
	}
	var answer struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(bytes.TrimSuffix(data, []byte{0}), &answer); err != nil {
		return "", fmt.Errorf("its answer: %w", err)
	}
	return answer.Error, nil
}

// ofRoot is an error unless root listens at the other end.
func ofRoot(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	if peer.Uid != 0 {
		return fmt.Errorf("user %d listens there, not root", peer.Uid)
	}
	return nil
}
