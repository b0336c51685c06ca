//go:build e2e

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/leftovers"
)

// command makes this binary the command, with the arguments that it holds.
const command = "HEADROOM_LAB_COMMAND"

func TestMain(m *testing.M) {
	if args := os.Getenv(command); args != "" {
		if err := run(context.Background(), strings.Fields(args), os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(cluster.Main(m.Run))
}

// place is a folder for a lab, which the command has not made yet, and which is
// gone when the test is over.
func place(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("", "") // t.TempDir's name is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "lab")
	t.Cleanup(func() {
		if err := cluster.Down(context.Background(), dir); err != nil {
			t.Error(err)
		}
		if err := os.Remove(base); err != nil {
			t.Errorf("the lab left something beside its folder: %v", err)
		}
	})
	return dir
}

// lab runs the command in a process of its own.
func lab(t *testing.T, args string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), command+"="+args)
	return cmd
}

// say runs the command to its end and returns what it prints.
func say(t *testing.T, args string) string {
	t.Helper()
	out, err := lab(t, args).CombinedOutput()
	if err != nil {
		t.Fatalf("lab %s: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestUpTwiceIsOneLabAndDownTwiceIsNone(t *testing.T) {
	dir := place(t)
	first := say(t, "up -dir "+dir+" -layout one -nodes 2 -mib 1024")
	c, err := cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Whole(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"export KUBECONFIG=" + c.Kubeconfig(), c.URL, "node n1", "node n2", c.Nodes()[1].URL} {
		if !strings.Contains(first, want) {
			t.Errorf("up says nothing of %s:\n%s", want, first)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, "run", "n1", "kubelet"))
	if err != nil {
		t.Fatal(err)
	}
	second := say(t, "up -dir "+dir)
	if rest, already := strings.CutPrefix(second, "up already\n"); !already || !strings.HasSuffix(first, rest) {
		t.Errorf("the second up says\n%s\nthe first\n%s", second, first)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "run", "n1", "kubelet")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the kubelet was %s and is %s, %v", before, after, err)
	}
	if got := say(t, "status -dir "+dir); !strings.Contains(got, "n2  nodefs") || !strings.Contains(got, "Ready") {
		t.Errorf("status says\n%s", got)
	}
	for range 2 {
		say(t, "down -dir "+dir)
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("the folder is still there: %v", err)
		}
	}
}

// Wherever up is killed, down cleans up after it.
func TestUpThatIsKilledOnItsWayIsCleanedUp(t *testing.T) {
	for _, milestone := range []string{
		"lab.json", "pki/ca.crt", "run/etcd", "run/kube-apiserver", "pki/observer.token",
		"n1/nodefs.img", "n1/settings", "run/n1/containerd", "run/n1/kubelet",
	} {
		t.Run(strings.ReplaceAll(milestone, "/", " "), func(t *testing.T) {
			dir := place(t)
			here := leftovers.Place{Base: filepath.Dir(dir), ID: cluster.Identity(dir)}
			before, err := here.Stock()
			if err != nil {
				t.Fatal(err)
			}
			killAt(t, dir, milestone)
			say(t, "down -dir "+dir)
			err = cluster.Wait(t.Context(), "everything to be as before", func(context.Context) error { return here.Compare(before) })
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// And so does the next up.
func TestUpStartsAnewWhatIsNotWhole(t *testing.T) {
	dir := place(t)
	for _, milestone := range []string{"run/etcd", "run/n1/kubelet"} {
		killAt(t, dir, milestone)
	}
	say(t, "up -dir "+dir+" -nodes 0")
	c, err := cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Whole(); err != nil {
		t.Error(err)
	}
}

// killAt kills an up as soon as a file is there.
func killAt(t *testing.T, dir, milestone string) {
	t.Helper()
	cmd := lab(t, "up -dir "+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := cluster.Wait(t.Context(), milestone, func(context.Context) error {
		_, err := os.Stat(filepath.Join(dir, milestone))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
}

func TestTwoCommandsOnOneLabTakeTurns(t *testing.T) {
	dir := place(t)
	unlock, err := lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, dir); err == nil || !strings.Contains(err.Error(), "another lab command") {
		t.Errorf("error %v", err)
	}
	unlock()
	if unlock, err = lock(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	unlock()
}
