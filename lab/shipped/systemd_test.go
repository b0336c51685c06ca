package shipped

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exposure is how much systemd-analyze may find each unit exposed, in tenths:
// what is left is root, the network and other processes.
var exposure = map[string]string{
	"headroom-exporter.service":   "21",
	"headroom-remediator.service": "23",
}

func TestTheUnitsStartTheProgramsWithFlagsTheyHave(t *testing.T) {
	bin := build(t)
	for _, file := range shippedFiles(t, "deploy/systemd/*.service") {
		command := strings.Fields(setting(t, file, "ExecStart"))
		program := filepath.Join(bin, filepath.Base(command[0]))
		// Flags are read up to the end before help is given.
		if out, err := exec.Command(program, append(command[1:], "--help")...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

func TestEveryCapabilityOfAUnitHasItsReason(t *testing.T) {
	for _, file := range shippedFiles(t, "deploy/systemd/*.service") {
		text := read(t, file)
		for _, capability := range strings.Fields(setting(t, file, "CapabilityBoundingSet")) {
			if !regexp.MustCompile(`(?m)^#\s+` + capability + `\s+to `).MatchString(text) {
				t.Errorf("%s: no comment says what %s is for", file, capability)
			}
		}
	}
}

// Without systemd on the machine this looks at nothing: whoever builds the
// units for a release has it.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze on this machine")
		return
	}
	bin := build(t)
	for _, file := range shippedFiles(t, "deploy/systemd/*.service") {
		name := filepath.Base(file)
		unit := filepath.Join(t.TempDir(), name)
		write(t, unit, strings.ReplaceAll(read(t, file), "/usr/local/bin", bin))
		for _, args := range [][]string{
			{"verify", "--man=no", unit},
			{"security", "--offline=true", "--no-pager", "--threshold=" + exposure[name], unit},
		} {
			out, err := exec.Command(analyze, args...).CombinedOutput()
			if err != nil || (args[0] == "verify" && len(out) > 0) {
				t.Errorf("%s: systemd-analyze %s: %v\n%s", file, args[0], err, out)
			}
		}
	}
}

// setting returns the value of a unit's setting, its continuation lines joined.
func setting(t *testing.T, file, name string) string {
	t.Helper()
	joined := strings.ReplaceAll(read(t, file), "\\\n", " ")
	m := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(joined)
	if m == nil {
		t.Fatalf("%s: no %s", file, name)
	}
	return m[1]
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
