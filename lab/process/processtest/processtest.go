// Package processtest starts programs for the length of a test.
package processtest

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
)

// Start starts a program, named after its file, and returns where it listens. It
// is told to stop when the test ends, which fails if it does not end well.
func Start(t testing.TB, o process.Options) (address string) {
	t.Helper()
	o.Name = filepath.Base(o.Path)
	p, err := process.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if address, err = p.Address(ctx); err != nil {
		t.Fatal(err)
	}
	return address
}
