package node

import (
	"os"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(traced) != "" {
		os.Exit(readTraced())
	}
	nodetest.Main(m)
}
