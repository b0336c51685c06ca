package headroom_test

import (
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
)

func TestSignalsAreTheKubelets(t *testing.T) {
	for signal, want := range map[headroom.Signal]struct {
		unit       headroom.Unit
		filesystem headroom.Filesystem
		condition  string
	}{
		"memory.available":            {"bytes", "", "MemoryPressure"},
		"allocatableMemory.available": {"bytes", "", "MemoryPressure"},
		"nodefs.available":            {"bytes", "nodefs", "DiskPressure"},
		"nodefs.inodesFree":           {"inodes", "nodefs", "DiskPressure"},
		"imagefs.available":           {"bytes", "imagefs", "DiskPressure"},
		"imagefs.inodesFree":          {"inodes", "imagefs", "DiskPressure"},
		"containerfs.available":       {"bytes", "containerfs", "DiskPressure"},
		"containerfs.inodesFree":      {"inodes", "containerfs", "DiskPressure"},
		"pid.available":               {"pids", "", "PIDPressure"},
	} {
		got, err := headroom.ParseSignal(string(signal))
		if err != nil || got != signal {
			t.Errorf("%s: parsed as %q, %v", signal, got, err)
		}
		if signal.Unit() != want.unit || signal.Filesystem() != want.filesystem || signal.Condition() != want.condition {
			t.Errorf("%s: %s, %s, %s", signal, signal.Unit(), signal.Filesystem(), signal.Condition())
		}
	}
	if n := len(headroom.Signals()); n != 9 {
		t.Errorf("there are %d signals", n)
	}
}

func TestNameThatIsNoSignalIsRefused(t *testing.T) {
	for _, name := range []string{"", "nodefs", "NodeFS.available", "nodefs.available ", " nodefs.available", "nodefs.inodesfree", "memory.Available"} {
		_, err := headroom.ParseSignal(name)
		if err == nil || !strings.Contains(err.Error(), "pid.available") {
			t.Errorf("%q: error is %v, want one that lists the names", name, err)
		}
		if s := headroom.Signal(name); s.Unit() != "" || s.Filesystem() != "" || s.Condition() != "" {
			t.Errorf("%q has properties", name)
		}
	}
}

func TestSignalsIsTheCallers(t *testing.T) {
	headroom.Signals()[0] = "changed"
	if headroom.Signals()[0] == "changed" {
		t.Error("the table was changed from outside")
	}
}
