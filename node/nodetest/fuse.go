package nodetest

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// What a FUSE says of itself when it answers.
const (
	FUSEAvailable  = 1 << 20 // bytes
	FUSECapacity   = 4 << 20
	FUSEInodesFree = 70
	FUSEInodes     = 90
)

// A FUSE is an empty filesystem whose server answers or, told to hang, takes
// the question how full it is and keeps it until it is told to answer. Everything
// else it answers at once. Safe for concurrent use.
type FUSE struct {
	Dir    string // where it is mounted
	server *os.File

	mu      sync.Mutex
	hangs   bool
	changed *sync.Cond // hangs
}

// NewFUSE mounts a FUSE that answers until the test is over. Without root
// /dev/fuse must be open to everybody.
func NewFUSE(t testing.TB) *FUSE {
	t.Helper()
	f := &FUSE{Dir: t.TempDir()}
	f.changed = sync.NewCond(&f.mu)
	// Not blocking, so that closing it ends a read. The poller takes it only once
	// it is mounted: before, it would never be told of a question.
	fd := openFuse(t, unix.O_NONBLOCK)
	Mount(t, "nodetest", f.Dir, "fuse", fuseOptions(fd))
	f.server = os.NewFile(uintptr(fd), "/dev/fuse")
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.serve()
	}()
	t.Cleanup(func() { // before the unmount
		f.Answer()
		f.server.Close()
		<-done
	})
	return f
}

// Hang makes it hang from the next question on.
func (f *FUSE) Hang() { f.set(true) }

// Answer makes it answer again, the questions it kept first.
func (f *FUSE) Answer() { f.set(false) }

func (f *FUSE) set(hangs bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = hangs
	f.changed.Broadcast()
}

// The requests of the kernel that matter (linux/fuse.h).
const (
	fuseForget      = 2
	fuseGetattr     = 3
	fuseStatfs      = 17
	fuseInit        = 26
	fuseInterrupt   = 36
	fuseBatchForget = 42
)

// serve answers until the server is closed. From linux/fuse.h:
//
//	struct fuse_in_header { u32 len, opcode; u64 unique, nodeid; u32 uid, gid, pid, … }
//	struct fuse_out_header { u32 len; s32 error; u64 unique; }
func (f *FUSE) serve() {
	request := make([]byte, 64<<10)
	for {
		n, err := f.server.Read(request)
		if err != nil || n < 40 {
			return
		}
		opcode, unique := binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[8:])
		var body []byte
		failed := int32(0)
		switch opcode {
		case fuseForget, fuseBatchForget, fuseInterrupt:
			continue // want no answer
		case fuseInit:
			body = initOut()
		case fuseGetattr:
			body = attrOut()
		case fuseStatfs:
			f.mu.Lock()
			for f.hangs {
				f.changed.Wait()
			}
			f.mu.Unlock()
			body = statfsOut()
		default:
			failed = -int32(unix.ENOSYS)
		}
		answer := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
		answer = binary.NativeEndian.AppendUint32(answer, uint32(failed))
		answer = binary.NativeEndian.AppendUint64(answer, unique)
		f.server.Write(append(answer, body...)) // nobody may wait for it any more
	}
}

// initOut is a struct fuse_init_out of version 7.31.
func initOut() []byte {
	out := make([]byte, 64)
	binary.NativeEndian.PutUint32(out[0:], 7)
	binary.NativeEndian.PutUint32(out[4:], 31)
	binary.NativeEndian.PutUint32(out[20:], 4096) // max_write
	return out
}

// attrOut is a struct fuse_attr_out of an empty folder.
func attrOut() []byte {
	out := make([]byte, 104)
	binary.NativeEndian.PutUint64(out[16:], 1)                 // ino
	binary.NativeEndian.PutUint32(out[76:], unix.S_IFDIR|0755) // mode
	binary.NativeEndian.PutUint32(out[80:], 2)                 // nlink
	return out
}

// statfsOut is a struct fuse_statfs_out.
func statfsOut() []byte {
	const block = 4096
	out := make([]byte, 80)
	for i, v := range []uint64{FUSECapacity / block, FUSEAvailable / block, FUSEAvailable / block, FUSEInodes, FUSEInodesFree} {
		binary.NativeEndian.PutUint64(out[8*i:], v)
	}
	for i, v := range []uint32{block, 255, block} { // bsize, namelen, frsize
		binary.NativeEndian.PutUint32(out[40+4*i:], v)
	}
	return out
}

func openFuse(t testing.TB, flags int) int {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		t.Fatalf("nodetest: open /dev/fuse: %v (without root everybody must be allowed to open it)", err)
	}
	return fd
}

func fuseOptions(fd int) string {
	return fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
}
