package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestReadWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, Options{Size: MinSize})
	var acknowledged atomic.Int64
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
				ask(t, j, request("n1", n))
				acknowledged.Store(int64(n))
			}
		}
	})
	for range 300 {
		low := acknowledged.Load()
		st, err := read(path)
		if err != nil {
			t.Error(err)
			break
		}
		if n := st.request(t, "n1"); low > 0 && int64(n) < low {
			t.Errorf("read request %d, %d was acknowledged before", n, low)
			break
		}
	}
	close(stop)
	writer.Wait()
}

func TestReadOfADamagedFileReturnsTheRest(t *testing.T) {
	path := filled(t, 6)
	b := contents(t, path)
	write(t, path, zero(b, record1(layoutOf(MinSize))+2*block, block))
	before := contents(t, path)
	cs, err := Read(path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Read: %v, want damaged, with the path", err)
	}
	if len(cs) != 5 {
		t.Errorf("%d cases, want 5", len(cs))
	}
	if string(contents(t, path)) != string(before) || len(beside(t, path)) > 0 {
		t.Error("Read has changed something")
	}
}

func TestReadWithoutAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("Read: %v, want not found, with the path", err)
	}
	if _, err := ReadWithFallback(path, path+".2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadWithFallback: %v, want not found", err)
	}
}

func TestReadWithFallbackSeesTheFallbackWhileItIsInUse(t *testing.T) {
	path, fallback := filled(t, 2), filepath.Join(nodetest.Tmpfs(t, 4<<20, 0), "journal")
	if cs, err := ReadWithFallback(path, fallback); err != nil || len(cs) != 2 {
		t.Errorf("%d cases, want 2: %v", len(cs), err)
	}
	j := open(t, fallback, Options{Size: MinSize})
	ask(t, j, request("node-1", 7), request("node-2", 7))
	cs, err := ReadWithFallback(path, fallback)
	if err != nil || len(cs) != 3 || cs[1].Request.ID != "7" {
		t.Errorf("%+v, want 3 cases, the second with request 7: %v", cs, err)
	}
	if cs, err := ReadWithFallback(path+".none", fallback); err != nil || len(cs) != 2 {
		t.Errorf("%d cases of the fallback alone, want 2: %v", len(cs), err)
	}
}
