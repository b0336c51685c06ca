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
	if os.Getenv(apart) != "" {
		os.Exit(readApart())
	}
	if os.Getenv(holding) != "" {
		os.Exit(hold())
	}
	nodetest.Main(m)
}
