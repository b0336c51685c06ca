package kubelet

import (
	"io"
	"os"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(standsIn) != "" {
		io.Copy(io.Discard, os.Stdin) // until the test is over
		os.Exit(0)
	}
	nodetest.Main(m)
}
