//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// built is a folder for what the tests build, as long as they run.
var built string

// beside is how many tests run beside each other. They wait for kubelets, which
// look at their disks every ten seconds, and need no processor for that.
const beside = "6"

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(func() int {
		flag.Parse()
		if err := flag.Set("test.parallel", beside); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		dir, err := os.MkdirTemp("", "headroom-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		built = dir
		return m.Run()
	}))
}
