//go:build e2e

package resolve

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/lab/tools"
)

var update = flag.Bool("update", false, "write what the kubelet says instead of comparing it with the record")

const record = "../../node/kubelet/testdata/effective.jsonl"

func TestRecordIsWhatTheKubeletSays(t *testing.T) {
	kubelet, err := tools.Path("kubelet")
	if err != nil {
		t.Fatal(err)
	}
	cases := append(Table[:len(Table):len(Table)], Generate(1, 400)...)
	if err := AskAll(t.Context(), kubelet, cases); err != nil {
		t.Fatal(err)
	}
	said, err := Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(record, said, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(recorded), "\n"), strings.Split(string(said), "\n")); diff != "" {
		t.Errorf("the kubelet does not say what is recorded (-recorded +said):\n%s", diff)
	}
}
