package remediator

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nodeheadroom/headroom/remediator/engine"
	"github.com/nodeheadroom/headroom/remediator/store/storetest"
)

// The suite holds stores to all that the engine wants of one, and to no more.
var (
	_ engine.Store    = storetest.Store(nil)
	_ storetest.Store = interface {
		engine.Store
		io.Closer
	}(nil)
)

func TestTheProgramsStoreIsOne(t *testing.T) {
	root := t.TempDir()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		dir := filepath.Join(root, strings.ReplaceAll(t.Name(), "/", "_"))
		s := newStore(&settings{
			journalFile: filepath.Join(dir, "journal"), journalFallback: filepath.Join(dir, "fallback"), logger: slog.New(slog.DiscardHandler),
		}, prometheus.NewRegistry())
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
