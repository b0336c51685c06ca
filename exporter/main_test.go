package exporter

import (
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestMain(m *testing.M) { nodetest.Main(m) }
