package remedy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
)

// example returns a program of docs/examples, as it is, where Exec trusts it, a
// folder with files of those names, each older than the next, and a place for
// its memory.
func example(t *testing.T, name string, files ...string) (program, folder, memory string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/examples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	program = script(t, "")
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	l := newLogs(t)
	for i, file := range files {
		path := l.write(file, 4)
		old := time.Unix(int64(1000*i), 0)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	return program, l.root, filepath.Join(t.TempDir(), "memory")
}

// ask runs a program with a question of that key.
func ask(t *testing.T, key string, signal headroom.Signal, missing int64, command ...string) (claimed headroom.Amount, notes []string, err error) {
	t.Helper()
	r := Exec{execSettings{Command: command, Timeout: defaultTimeout}}
	plan, err := r.Plan(t.Context(), Node{Name: "n1"}, Need{Signal: signal, Amount: missing})
	if err != nil {
		t.Fatal(err)
	}
	notes, err = r.Apply(t.Context(), Node{Name: `n"key":"x"`}, plan, Run{
		Key:     key,
		Missing: func(context.Context) (int64, error) { return missing, nil },
		Removed: func(_ Item, a headroom.Amount) { claimed = claimed.Add(a) },
	})
	return claimed, notes, err
}

// Keys as the engine makes them.
const (
	firstKey  = "nodefs.available-20261125T103000.000/2"
	secondKey = "nodefs.available-20261125T103000.000/5"
)

var oneFile = headroom.Amount{Bytes: 4096, Inodes: 1}

func TestTheExampleInShell(t *testing.T) {
	const one, two, three = "dump-20261101.sql.gz", "dump-20261102.sql.gz", "dump-20261103.sql.gz"
	program, folder, memory := example(t, "drop-oldest-dump", one, two, three, "dump-precious.sql.gz", "dump-20261001.sql")
	left := logs{t: t, root: folder}
	for i, tc := range []struct {
		key     string
		claimed headroom.Amount
		note    string
		left    []string
	}{
		{firstKey, oneFile, "", []string{"dump-20261001.sql", two, three, "dump-precious.sql.gz"}},
		{firstKey, headroom.Amount{}, "gone already", []string{"dump-20261001.sql", two, three, "dump-precious.sql.gz"}},
		{secondKey, oneFile, "", []string{"dump-20261001.sql", three, "dump-precious.sql.gz"}},
		{"third", headroom.Amount{}, "no dump to spare", []string{"dump-20261001.sql", three, "dump-precious.sql.gz"}},
	} {
		claimed, notes, err := ask(t, tc.key, headroom.NodeFSAvailable, 1, program, folder, memory)
		if err != nil || claimed != tc.claimed || strings.Join(notes, "") == "" != (tc.note == "") {
			t.Errorf("question %d: claims %+v, notes %q: %v", i, claimed, notes, err)
		}
		if tc.note != "" {
			noted(t, notes, tc.note)
		}
		if diff := cmp.Diff(tc.left, left.names()); diff != "" {
			t.Errorf("question %d: %s", i, diff)
		}
	}
}

func TestTheExampleInShellFinishesWhatItHadChosen(t *testing.T) {
	const one, two, three = "dump-20261101.sql.gz", "dump-20261102.sql.gz", "dump-20261103.sql.gz"
	program, folder, memory := example(t, "drop-oldest-dump", one, two, three)
	// It was killed between the two, and an older dump has come back since.
	if err := os.Mkdir(memory, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(memory+"/"+strings.ReplaceAll(firstKey, "/", "_"), []byte(folder+"/"+two+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	claimed, _, err := ask(t, firstKey, headroom.NodeFSAvailable, 1, program, folder, memory)
	if diff := cmp.Diff([]string{one, three}, logs{t: t, root: folder}.names()); diff != "" || err != nil || claimed != oneFile {
		t.Errorf("claims %+v: %v; %s", claimed, err, diff)
	}
}

func TestTheExampleInShellWantsAKey(t *testing.T) {
	program, folder, memory := example(t, "drop-oldest-dump", "dump-20261101.sql.gz", "dump-20261102.sql.gz")
	for _, key := range []string{"", "a key", `"`, "$(id)", "ü"} {
		if claimed, _, err := ask(t, key, headroom.NodeFSAvailable, 1, program, folder, memory); err == nil || !strings.Contains(err.Error(), "has no key") {
			t.Errorf("%q: claims %+v: %v", key, claimed, err)
		}
	}
}

func TestTheExampleInPython(t *testing.T) {
	program, folder, memory := example(t, "trim-cache", "b/1", "a/2", "c/3", "a/4", "b/5")
	l := logs{t: t, root: folder}
	l.symlink(program, "a/0")
	for i, tc := range []struct {
		key     string
		signal  headroom.Signal
		missing int64
		claimed headroom.Amount
		note    string
		left    []string
	}{
		{firstKey, headroom.NodeFSAvailable, 4097, headroom.Amount{Bytes: 8192, Inodes: 2}, "", []string{"a/0", "a/4", "b/5", "c/3"}},
		{firstKey, headroom.NodeFSAvailable, 4097, headroom.Amount{}, "answered before", []string{"a/0", "a/4", "b/5", "c/3"}},
		{secondKey, headroom.NodeFSInodesFree, 1, oneFile, "", []string{"a/0", "a/4", "b/5"}},
		{"third", headroom.NodeFSInodesFree, 10, headroom.Amount{Bytes: 8192, Inodes: 2}, "8 inodes are still missing", []string{"a/0"}},
	} {
		claimed, notes, err := ask(t, tc.key, tc.signal, tc.missing, program, folder, memory)
		if err != nil || claimed != tc.claimed || len(notes) > 0 != (tc.note != "") {
			t.Errorf("question %d: claims %+v, notes %q: %v", i, claimed, notes, err)
		}
		if tc.note != "" {
			noted(t, notes, tc.note)
		}
		if diff := cmp.Diff(tc.left, l.names()); diff != "" {
			t.Errorf("question %d: %s", i, diff)
		}
	}
}

func TestEveryExampleIsInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/exec.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadDir("../../docs/examples")
	if err != nil || len(examples) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	for _, e := range examples {
		if !strings.Contains(string(text), fmt.Sprintf("(examples/%s)", e.Name())) {
			t.Errorf("docs/exec.md does not name %s", e.Name())
		}
	}
	for _, limit := range []string{
		fmt.Sprintf("%d KiB, all", maxLine>>10), fmt.Sprintf("%d MiB;", maxAnswer>>20), fmt.Sprintf("first %d are", maxProgress),
		fmt.Sprintf("last %d KiB", maxComplaint>>10), "up to 1h; 1m", "five seconds",
	} {
		if !strings.Contains(string(text), limit) {
			t.Errorf("docs/exec.md does not say %q", limit)
		}
	}
}
