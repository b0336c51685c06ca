package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom"
)

// request is the n-th of a node: everything in it follows from the two.
func request(node string, n int) headroom.Request {
	return headroom.Request{
		ID:     strconv.Itoa(n),
		Node:   node,
		Signal: headroom.NodeFSAvailable,
		Labels: map[string]string{"text": strings.Repeat(fmt.Sprint(node, n), 3+n%40)},
	}
}

func (s *state) request(t *testing.T, node string) (n int) {
	t.Helper()
	e, ok := s.entries[key{"request", node, headroom.NodeFSAvailable}]
	if !ok {
		return -1
	}
	w, err := decode(e.raw)
	if err != nil {
		t.Fatal(err)
	}
	n, err = strconv.Atoi(w.Request.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := requestEntry(request(node, n)); !bytes.Equal(e.raw, want.raw) {
		t.Fatalf("request %d of %s is garbage: %s", n, node, e.raw)
	}
	return n
}

func ask(t *testing.T, j *Journal, rs ...headroom.Request) {
	t.Helper()
	if err := j.Request(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
}

// filled makes a journal in which node-0 to node-(n−1) have request 1, a record
// each, and returns its path.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path, Options{Size: MinSize})
	for i := range n {
		ask(t, j, request(fmt.Sprint("node-", i), 1))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// names returns what is in a folder, but for the journal itself.
func beside(t *testing.T, path string) (names []string) {
	t.Helper()
	es, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		if e.Name() != filepath.Base(path) {
			names = append(names, e.Name())
		}
	}
	return names
}

func noon() time.Time { return time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC) }
