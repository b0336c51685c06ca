//go:build e2e

package machine

import (
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m.Run)) }

func TestAMachineRunsSystemd(t *testing.T) {
	m := New(t)
	m.Write(t, "/etc/systemd/system/said.service", []byte("[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo hello > /run/said'\n"), 0o644)
	m.Boot(t)
	m.Run(t, "systemctl", "start", "said")
	if said := m.Run(t, "cat", "/run/said"); said != "hello\n" {
		t.Errorf("the unit said %q", said)
	}
	if first := strings.TrimSpace(m.Run(t, "cat", "/proc/1/comm")); first != "systemd" {
		t.Errorf("its first process is %s", first)
	}
}
