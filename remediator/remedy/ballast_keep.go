package remedy

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// How fast ballast is made: a piece a call in steps of a MiB, or a hundred empty
// files, with pauses in which others write.
const (
	ballastStep   = 1 << 20
	ballastPause  = 20 * time.Millisecond // 50 MiB a second at most
	ballastAtOnce = 100                   // empty files
	// ballastSlack is what a filesystem may take for itself beside a piece.
	ballastSlack = 1 << 20
)

// Keep makes what is missing of the ballast: for bytes one piece, if it fits into
// what may be taken with something to spare. Whatever goes wrong, it leaves less
// behind than it was allowed.
func (b Ballast) Keep(ctx context.Context, _ Node, spare Need) (string, error) {
	unit := spare.Signal.Unit()
	s := b.config()
	if spare.Amount <= 0 || spare.Signal.Filesystem() == "" || unit == headroom.Bytes && s.Size == 0 || unit == headroom.Inodes && s.Inodes == 0 {
		return "", nil
	}
	store, err := makeBallastStore(s.folder(unit), spare)
	if _, another := err.(leftAlone); another { // it is no secret: a plan says so when it matters
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer store.close()
	if err := store.read(); err != nil {
		return "", err
	}
	if unit == headroom.Inodes {
		return store.keepInodes(int(min(int64(s.Inodes), maxBallastInodes)), spare.Amount)
	}
	return store.keepPiece(ctx, int64(s.Size)/ballastPieces, spare.Amount)
}

// keepPiece makes one piece of that many bytes if one is missing, after what is
// no piece of that size is gone.
func (s *ballastStore) keepPiece(ctx context.Context, size, spare int64) (string, error) {
	for _, f := range s.unfinished {
		if err := s.discard(f); err != nil {
			return "", err
		}
	}
	if spare < size+ballastSlack {
		return "", nil // nothing would come in the place of what is of another size
	}
	var whole []string
	for _, f := range s.pieces {
		if f.size == size {
			whole = append(whole, f.name)
		} else if err := s.discard(f); err != nil {
			return "", err
		}
	}
	if len(whole) >= ballastPieces {
		return "", nil
	}
	for i := range ballastPieces {
		name := s.pieceName(i)
		if slices.Contains(whole, name) {
			continue
		}
		if err := s.makePiece(ctx, name, size); err != nil {
			return "", fmt.Errorf("ballast %s/%s: %w", s.path, name, err)
		}
		return fmt.Sprintf("set aside %d bytes, which makes %d of %d pieces", size, len(whole)+1, ballastPieces), nil
	}
	return "", nil
}

// discard removes one of our files that is no use as it is.
func (s *ballastStore) discard(f file) error {
	var st unix.Stat_t
	err := unix.Fstatat(s.fd, f.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		err = f.same(&st)
	}
	if err == nil {
		err = unix.Unlinkat(s.fd, f.name, 0)
	}
	if err != nil && err != unix.ENOENT {
		return fmt.Errorf("ballast %s: %w", f.path(), err)
	}
	return nil
}

// makePiece writes a piece under a name that says that it is unfinished, and
// gives it its own once it is on the disk. The disk's last room it does not take:
// what could not be written is given back.
func (s *ballastStore) makePiece(ctx context.Context, name string, size int64) (err error) {
	temporary := name + unfinishedPiece
	fd, err := unix.Openat(s.fd, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), temporary)
	defer f.Close()
	defer func() {
		if err != nil {
			unix.Unlinkat(s.fd, temporary, 0)
		}
	}()
	if err := writeNoise(ctx, f, size); err != nil {
		return err
	}
	if err := unix.Fdatasync(fd); err != nil {
		return err
	}
	unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) // nobody will read it: memory is a signal, too
	return unix.Renameat2(s.fd, temporary, s.fd, name, unix.RENAME_NOREPLACE)
}

// writeNoise writes what cannot be compressed, slowly.
func writeNoise(ctx context.Context, f *os.File, size int64) error {
	var seed [32]byte
	crand.Read(seed[:])
	noise := rand.NewChaCha8(seed)
	buf := make([]byte, min(size, ballastStep))
	for size > 0 {
		n := min(size, int64(len(buf)))
		noise.Read(buf[:n])
		if _, err := f.Write(buf[:n]); err != nil {
			return err
		}
		if size -= n; size == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(ballastPause):
		}
	}
	return nil
}

// keepInodes makes empty files until there are that many, a few a call.
func (s *ballastStore) keepInodes(want int, spare int64) (string, error) {
	have := make(map[string]bool, len(s.pieces))
	for _, f := range s.pieces {
		have[f.name] = true
	}
	made := 0
	most := int(min(ballastAtOnce, spare-2)) // the folder and the one above it may be new, too
	for i := 0; len(have) < want && made < most && i < maxBallastInodes; i++ {
		name := s.pieceName(i)
		if have[name] {
			continue
		}
		fd, err := unix.Openat(s.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if errors.Is(err, unix.EEXIST) {
			continue // not ours, or not empty
		}
		if err != nil {
			return "", fmt.Errorf("ballast %s/%s: %w", s.path, name, err)
		}
		unix.Close(fd)
		have[name] = true
		made++
	}
	if made == 0 {
		return "", nil
	}
	return fmt.Sprintf("set aside %d inodes, which makes %d of %d", made, len(have), want), nil
}
