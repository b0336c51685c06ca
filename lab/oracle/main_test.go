package oracle

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestMain(m *testing.M) { nodetest.Main(m) }

var seed = flag.Uint64("seed", 1, "where the random values begin")

// A comparison counts what was held against each other. It is for one goroutine.
type comparison struct {
	*testing.T
	*dice
	compared, differences int
	yes                   int // how often the kubelet accepted something, or found it met
}

// compare returns a test's comparison, whose random values are its own.
func compare(t *testing.T) *comparison {
	name := fnv.New64a()
	name.Write([]byte(t.Name()))
	c := &comparison{T: t, dice: &dice{Rand: rand.New(rand.NewPCG(*seed, name.Sum64()))}}
	t.Cleanup(func() {
		t.Logf("%d compared, %d differences, -seed=%d", c.compared, c.differences, *seed)
		if c.yes > 0 {
			t.Logf("the kubelet said yes to %d", c.yes)
		}
	})
	return c
}

// differ reports a difference. After the tenth it is enough.
func (c *comparison) differ(format string, args ...any) {
	c.Helper()
	c.differences++
	c.Errorf(format, args...)
	if c.differences == 10 {
		c.Fatal("and so on")
	}
}
