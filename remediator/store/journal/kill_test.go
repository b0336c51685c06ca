package journal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nodeheadroom/headroom"
)

// acknowledgeEnv makes the test binary the program that is killed: it asks for
// requests in the journal of this name, and says so when each is durable.
const acknowledgeEnv = "HEADROOM_JOURNAL_ACKNOWLEDGE"

func acknowledge(path string) {
	j, err := Open(path, Options{Size: MinSize})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var all sync.WaitGroup
	for w := range 4 {
		node := fmt.Sprint("w", w)
		all.Go(func() {
			for n := 0; ; n++ {
				if err := j.Request(context.Background(), []headroom.Request{request(node, n)}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Fprintln(os.Stdout, node, n)
			}
		})
	}
	all.Wait()
}

func TestKilledProgramKeepsWhatItAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	for round := range 6 {
		said := killed(t, path, 150+97*round)
		j := open(t, path, Options{})
		if aside := j.SetAside(); aside != "" {
			t.Fatalf("round %d: set aside as %s", round, aside)
		}
		for node, n := range said {
			if got := j.state.request(t, node); got < n {
				t.Errorf("round %d: %s has request %d, %d was acknowledged", round, node, got, n)
			}
		}
		j.Close()
	}
}

// killed runs the program, kills it after so many acknowledgements, and returns
// the last one of each node.
func killed(t *testing.T, path string, after int) map[string]int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), acknowledgeEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, lines := map[string]int{}, 0
	for scan := bufio.NewScanner(out); scan.Scan(); lines++ {
		var node string
		var n int
		if _, err := fmt.Sscan(scan.Text(), &node, &n); err != nil {
			t.Fatalf("%q: %v", scan.Text(), err)
		}
		said[node] = n
		if lines == after {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if lines < after {
		t.Fatalf("the program ended by itself after %d lines", lines)
	}
	return said
}
