//go:build e2e

package remedies

import (
	"os"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m.Run)) }
