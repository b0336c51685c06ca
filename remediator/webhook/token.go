package webhook

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxToken is far more than any token has.
const maxToken = 4 << 10

// A token is the hash of a secret: comparing hashes takes equally long however
// much of a guess is right, its length included.
type token [sha256.Size]byte

func (t token) is(guess string) bool {
	sum := sha256.Sum256([]byte(guess))
	return subtle.ConstantTimeCompare(t[:], sum[:]) == 1
}

// readToken reads a file that holds a bearer token and nothing else; space
// around it is cut off. It must not be open to others.
func readToken(path string) (token, error) {
	content, err := readGuarded(path, 0o006, maxToken)
	if err != nil {
		return token{}, fmt.Errorf("token file %s: %w", path, err)
	}
	content = bytes.TrimSpace(content)
	if len(content) == 0 {
		return token{}, fmt.Errorf("token file %s: empty: write a token into it, such as one from: head -c 32 /dev/urandom | base64", path)
	}
	for i, c := range content {
		if c <= ' ' || c > '~' {
			return token{}, fmt.Errorf("token file %s: byte %d (%q) cannot be a part of a token: it must be one line of visible ASCII", path, i+1, c)
		}
	}
	return sha256.Sum256(content), nil
}

// readGuarded reads a file that nobody else has the permissions of mask for. Its
// errors leave the path to the caller.
func readGuarded(path string, mask fs.FileMode, most int64) ([]byte, error) {
	// O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: must be a file", describe(info.Mode()))
	}
	if open := info.Mode() & mask; open != 0 {
		return nil, fmt.Errorf("mode %#o lets others %s: chmod o-rw %s", info.Mode().Perm(), verbs(open), path)
	}
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(content)) > most {
		return nil, fmt.Errorf("larger than %d bytes: is it the right file?", most)
	}
	return content, nil
}

func verbs(m fs.FileMode) string {
	switch {
	case m&0o004 == 0:
		return "write it"
	case m&0o002 == 0:
		return "read it"
	}
	return "read and write it"
}

func describe(m fs.FileMode) string {
	if m.IsDir() {
		return "a directory"
	}
	return "a file of type " + m.Type().String()
}

// cause drops the verb and the path that package os puts in front of a reason.
func cause(err error) error {
	if path, ok := err.(*fs.PathError); ok {
		return path.Err
	}
	return err
}
