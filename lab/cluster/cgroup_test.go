package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

func TestChildrenOfACgroupGetWhatItHas(t *testing.T) {
	for name, test := range map[string]struct{ have, want string }{
		"version 2":             {"memory\n", "+memory"}, // a folder keeps only the last write; the kernel adds them up
		"an empty one beside 1": {"\n", ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte(test.have), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := delegate(dir); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if string(got) != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := delegate(t.TempDir()); err != nil {
		t.Errorf("version 1: %v", err)
	}
}

func TestANewCpusetHasItsParentsProcessors(t *testing.T) {
	parent := t.TempDir()
	child := filepath.Join(parent, "child")
	if err := os.Mkdir(child, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, value := range map[string]string{
		filepath.Join(parent, "cpuset.cpus"): "0-3\n", filepath.Join(child, "cpuset.cpus"): "\n",
		filepath.Join(parent, "cpuset.mems"): "0\n", filepath.Join(child, "cpuset.mems"): "1\n",
	} {
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := inheritCPUs(parent, child); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"cpuset.cpus": "0-3\n", "cpuset.mems": "1\n"} {
		if got, err := os.ReadFile(filepath.Join(child, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
