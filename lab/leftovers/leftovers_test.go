package leftovers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsLeftAndWhatIsMissingIsTold(t *testing.T) {
	p := Place{Base: t.TempDir()}
	gone := filepath.Join(p.Base, "gone")
	if err := os.WriteFile(gone, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	before, err := p.Stock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "86399")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	differ := p.Compare(before)
	for _, want := range []string{"missing: file " + gone, "sleep 86399"} {
		if differ == nil || !strings.Contains(differ.Error(), want) {
			t.Errorf("it does not tell of %q: %v", want, differ)
		}
	}
	sleeper.Process.Kill()
	sleeper.Wait()
	if differ := p.Compare(before); strings.Contains(differ.Error(), "sleep 86399") {
		t.Errorf("it tells of what has ended: %v", differ)
	}
}
