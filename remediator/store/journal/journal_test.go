package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
	"github.com/nodeheadroom/headroom/remediator/store/storetest"
)

func TestStore(t *testing.T) {
	root := t.TempDir()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		dir := filepath.Join(root, strings.ReplaceAll(t.Name(), "/", "_"))
		return open(t, filepath.Join(dir, "journal"), Options{})
	})
}

func open(t *testing.T, path string, o Options) *Journal {
	t.Helper()
	j, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestMain(m *testing.M) {
	if path := os.Getenv(acknowledgeEnv); path != "" {
		acknowledge(path)
	}
	nodetest.Main(m)
}
