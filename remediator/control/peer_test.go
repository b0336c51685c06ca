package control

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhoAsks(t *testing.T) {
	proc := t.TempDir()
	for pid, login := range map[string]string{"1": "4294967295", "2": "0", "3": "54321", "4": "not a number\n", "5": "54321\n"} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "loginuid"), []byte(login), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		uid  uint32
		pid  int32
		want string
	}{
		"a service's process, which no login began": {0, 1, "root"},
		"one who logged in as who they are":         {0, 2, "root"},
		"one who logged in as another":              {0, 3, "root (login uid 54321)"},
		"the same with a line's end":                {0, 5, "root (login uid 54321)"},
		"a kernel that says nonsense":               {0, 4, "root"},
		"a process that is gone":                    {0, 99, "root"},
		"a process of another PID namespace":        {0, 0, "root"},
		"a user without a name":                     {54322, 1, "uid 54322"},
	}
	for name, c := range cases {
		if got := who(proc, c.uid, c.pid); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
