package node

import (
	"strings"
	"testing"
)

func TestPIDsAreTheSmallerLimitWithoutTasks(t *testing.T) {
	for name, c := range map[string]struct {
		pidMax, threadsMax, loadavg string
		available, capacity         int64
	}{
		"pid_max is smaller":       {"32768\n", "192730\n", "0.20 0.18 0.12 1/1024 11206\n", 31744, 32768},
		"threads-max is smaller":   {"4194304\n", "192730\n", "0.20 0.18 0.12 1/1024 11206\n", 191706, 192730},
		"more tasks than pid_max":  {"32768\n", "192730\n", "0.20 0.18 0.12 3/40000 11206\n", -7232, 32768},
		"files without a line end": {"32768", "192730", "0.20 0.18 0.12 1/1024 11206", 31744, 32768},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := pidHost(t, c.pidMax, c.threadsMax, c.loadavg).PIDs()
			if err != nil {
				t.Fatal(err)
			}
			if r.Available != c.available || r.Capacity != c.capacity {
				t.Errorf("got %d of %d, want %d of %d", r.Available, r.Capacity, c.available, c.capacity)
			}
		})
	}
}

func TestPIDsThatCannotBeReadAreAnErrorThatNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct{ pidMax, threadsMax, loadavg, want string }{
		"pid_max empty":            {"", "1\n", "0 0 0 1/2 3\n", "pid_max: "},
		"threads-max not a number": {"1\n", "many\n", "0 0 0 1/2 3\n", "threads-max: "},
		"loadavg too short":        {"1\n", "1\n", "0 0 0\n", "loadavg: "},
		"loadavg without a slash":  {"1\n", "1\n", "0 0 0 12 3\n", "loadavg: "},
		"loadavg without tasks":    {"1\n", "1\n", "0 0 0 1/ 3\n", "loadavg: "},
		"loadavg absent":           {"1\n", "1\n", gone, "loadavg: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pidHost(t, c.pidMax, c.threadsMax, c.loadavg).PIDs()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func pidHost(t *testing.T, pidMax, threadsMax, loadavg string) Host {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "sys/kernel/pid_max", pidMax)
	write(t, dir, "sys/kernel/threads-max", threadsMax)
	if loadavg != gone {
		write(t, dir, "loadavg", loadavg)
	}
	return Host{Proc: dir}
}
