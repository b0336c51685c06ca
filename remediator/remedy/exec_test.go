package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// script writes a program that Exec trusts.
func script(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := dir + "/program"
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// execute configures Exec, plans and applies. Missing is 4096 bytes.
func execute(t *testing.T, ctx context.Context, timeout time.Duration, command ...string) (claims []headroom.Amount, notes []string, err error) {
	t.Helper()
	r, err := Exec{}.Configure(func(into any) error {
		s := into.(*execSettings)
		s.Command = command
		if timeout > 0 {
			s.Timeout = timeout
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := Node{Name: "n1"}
	plan, err := r.Plan(ctx, n, Need{Signal: headroom.NodeFSAvailable, Amount: 4096})
	if err != nil {
		return nil, nil, err
	}
	if len(plan.Items) != 1 || plan.Items[0].Does != Execute {
		t.Fatalf("plan is %+v", plan)
	}
	notes, err = r.Apply(ctx, n, plan, Run{
		Key:     "episode/1",
		Missing: func(context.Context) (int64, error) { return 4096, nil },
		Removed: func(_ Item, a headroom.Amount) { claims = append(claims, a) },
	})
	return claims, notes, err
}

func TestExecAsksAndListens(t *testing.T) {
	path := script(t, `read question
echo "{\"progress\":\"$(echo "$question" | tr -d '"')\"}"
echo "{\"progress\":\"$# $1 $2, $(pwd), $LANG, $(env | grep -c -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD)\"}"
printf '{"freed":{"bytes":4096,"inodes":1}}\n{"freed":'
printf '{"bytes":1}}\n{"done":true}'`)
	claims, notes, err := execute(t, context.Background(), 0, path, "two words", "$HOME;`id`")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]headroom.Amount{{Bytes: 4096, Inodes: 1}, {Bytes: 1}}, claims); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"{version:1,key:episode/1,node:n1,signal:nodefs.available,unit:bytes,missing:4096}",
		"2 two words $HOME;`id`, /, C, 2",
	}, notes); diff != "" {
		t.Error(diff)
	}
}

func TestExecThatFails(t *testing.T) {
	for sentence, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing said is failure":               {"exit 0", []string{`ended without {"done":true}`}},
		"an exit code is failure":               {`echo '{"done":true}'; exit 3`, []string{"exit status 3"}},
		"what it complained about is told":      {"echo no luck >&2; exit 1", []string{"exit status 1", "no luck"}},
		"only the end of a long complaint":      {"head -c 9000 /dev/zero | tr '\\0' x >&2; echo END >&2; exit 1", []string{"END"}},
		"an unknown word is named":              {`echo '{"progress":"a"}'; echo '{"deleted":1}'`, []string{"line 2", "deleted"}},
		"spelling counts":                       {`echo '{"Done":true}'`, []string{"line 1", "Done"}},
		"two words in one line are none":        {`echo '{"done":true,"progress":"a"}'`, []string{"line 1", "say"}},
		"a key twice is wrong":                  {`echo '{"done":true,"done":true}'`, []string{"line 1", "done"}},
		"not done is no word":                   {`echo '{"done":false}'`, []string{"line 1", "say"}},
		"text is not JSON":                      {"echo all fine", []string{"line 1", "all fine"}},
		"an empty line is not JSON":             {"echo", []string{"line 1"}},
		"nothing follows done":                  {`echo '{"done":true}'; echo '{"progress":"a"}'`, []string{"line 2", "after"}},
		"freed is not negative":                 {`echo '{"freed":{"bytes":-1}}'`, []string{"line 1", "negative"}},
		"nor are inodes":                        {`echo '{"freed":{"bytes":1,"inodes":-1}}'`, []string{"line 1", "negative"}},
		"freed has a limit in bytes":            {`echo '{"freed":{"bytes":1152921504606846977}}'`, []string{"line 1", "beyond"}},
		"a number that is none is no limit":     {`echo '{"freed":{"bytes":1e30}}'`, []string{"line 1", "1e30"}},
		"freed has a limit":                     {`echo '{"freed":{"inodes":1152921504606846976}}'; echo '{"freed":{"inodes":1}}'`, []string{"line 2", "beyond"}},
		"freed is a whole number":               {`echo '{"freed":{"bytes":1.5}}'`, []string{"line 1", "1.5"}},
		"a line has a limit":                    {"head -c 70000 /dev/zero", []string{"line 1", "longer than 65536"}},
		"all lines have a limit":                {`while echo '{"progress":"a"}'; do :; done`, []string{"more than 1048576"}},
		"an unfinished line is read at the end": {`printf '{"done":'`, []string{"line 1"}},
		"a signal is failure":                   {`echo '{"done":true}'; kill -9 $$`, []string{"killed"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			path := script(t, tc.text)
			_, _, err := execute(t, context.Background(), 0, path)
			if err == nil {
				t.Fatal("it succeeded")
			}
			for _, want := range append(tc.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if len(err.Error()) > 5000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestExecIsNotRunWhenNothingIsMissing(t *testing.T) {
	path := script(t, "exit 1")
	r := Exec{execSettings{Command: []string{path}, Timeout: defaultTimeout}}
	plan, err := r.Plan(context.Background(), Node{}, Need{Signal: headroom.NodeFSAvailable, Amount: 1})
	if err != nil {
		t.Fatal(err)
	}
	for missing, want := range map[int64]bool{0: true, -5: true, 1: false} {
		_, err := r.Apply(context.Background(), Node{}, plan, Run{Missing: func(context.Context) (int64, error) { return missing, nil }})
		if (err == nil) != want {
			t.Errorf("with %d missing: %v", missing, err)
		}
	}
	if _, err := r.Apply(context.Background(), Node{}, plan, Run{Missing: func(context.Context) (int64, error) { return 0, os.ErrDeadlineExceeded }}); err == nil {
		t.Error("run although the node could not be read")
	}
	if _, err := (Exec{}).Plan(context.Background(), Node{}, Need{}); err == nil {
		t.Error("planned without a command")
	}
}

func TestExecPlanRunsNothing(t *testing.T) {
	path := script(t, "touch $(dirname $0)/ran /scratch/ran; exit 0")
	r := Exec{execSettings{Command: []string{path, "a\nb"}, Timeout: defaultTimeout}}
	l := logsIn(t, filepath.Dir(path))
	before := l.manifest()
	plan, err := r.Plan(context.Background(), Node{}, Need{Signal: headroom.NodeFSAvailable, Amount: 1})
	if err != nil || plan.Items[0].What != path+` "a\nb"` {
		t.Errorf("%+v: %v", plan, err)
	}
	if diff := cmp.Diff(before, l.manifest()); diff != "" {
		t.Error(diff)
	}
}

// A program that says it is ready, whether told to stop or not.
const stubborn = `trap 'echo "{\"progress\":\"asked to stop\"}"; exit 0' TERM
sleep 1000 &
echo '{"freed":{"bytes":1}}'
wait`

func TestExecEndsAtItsTimeout(t *testing.T) {
	_, _, err := execute(t, context.Background(), 50*time.Millisecond, script(t, stubborn))
	if err == nil || !strings.Contains(err.Error(), "took longer than 50ms") {
		t.Errorf("error is %v", err)
	}
	noChildren(t)
}

func TestExecEndsWithItsContext(t *testing.T) {
	path := script(t, stubborn)
	ctx, cancel := context.WithCancel(context.Background())
	r := Exec{execSettings{Command: []string{path}, Timeout: defaultTimeout}}
	notes, err := r.Apply(ctx, Node{}, Plan{Items: []Item{{}}}, Run{
		Missing: func(context.Context) (int64, error) { return 1, nil },
		Removed: func(Item, headroom.Amount) { cancel() },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	noted(t, notes, "asked to stop")
	noChildren(t)
}

// A daemon that the program leaves behind holds its output open.
func TestExecThatIsOverCannotBeStoppedAnyMore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := &answer{freed: func(headroom.Amount) { cancel() }}
	left := t.TempDir() + "/left"
	program, err := openTrusted(script(t, `setsid sh -c '
		: >`+left+`
		while kill -0 '$$'; do sleep 0.01; done
		echo "{\"freed\":{}}"
		echo "{\"done\":true}"' 2>/dev/null &
until [ -e `+left+` ]; do sleep 0.01; done`))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	err = child{program: program, args: []string{"x"}, question: strings.NewReader(""), timeout: time.Hour, grace: time.Hour}.run(ctx, a)
	if err != nil || ctx.Err() == nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}

func TestExecDoesNotWaitForWhoHoldsItsOutputOpen(t *testing.T) {
	left := t.TempDir() + "/left"
	program, err := openTrusted(script(t, `setsid sh -c 'echo $$ >`+left+`; exec sleep 1000' &
until [ -s `+left+` ]; do sleep 0.01; done
echo '{"done":true}'`))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	a := &answer{freed: func(headroom.Amount) {}}
	err = child{program: program, args: []string{"x"}, question: strings.NewReader(""), timeout: time.Hour, grace: 50 * time.Millisecond}.run(t.Context(), a)
	if err != nil {
		t.Error(err)
	}
	pid, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(pid)))
	if n < 2 || unix.Kill(n, unix.SIGKILL) != nil {
		t.Fatalf("who holds it open is %q", pid)
	}
	noChildren(t)
}

func TestExecThatIgnoresTheSignalIsKilled(t *testing.T) {
	path := script(t, "trap '' TERM\necho '{\"freed\":{\"bytes\":1}}'\nwhile :; do sleep 1000; done")
	program, err := openTrusted(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	ctx, cancel := context.WithCancel(context.Background())
	c := child{program: program, args: []string{path}, question: strings.NewReader(""), timeout: time.Hour, grace: time.Millisecond}
	err = c.run(ctx, &answer{freed: func(headroom.Amount) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	noChildren(t)
}

func TestExecLeavesNoGrandchildren(t *testing.T) {
	_, _, err := execute(t, context.Background(), 0, script(t, `sleep 1000 & sleep 1001 &
echo '{"done":true}'`))
	if err != nil {
		t.Error(err)
	}
	noChildren(t)
}

// noChildren returns once every process that a program left behind has ended;
// they would sleep for a quarter of an hour. In the namespace of the tests all
// that lose their parent become our children.
func noChildren(t *testing.T) {
	t.Helper()
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err == unix.ECHILD {
			return
		}
	}
}

func TestExecDiesWithTheRemediator(t *testing.T) {
	path := script(t, "echo '{\"freed\":{\"bytes\":1}}'\necho $$ >"+t.TempDir()+"/pid\nexec sleep 1000")
	a := launch(t, "exec", path)
	a.killAt("freed")
	noChildren(t)
}

func TestExecTrustsOnlyWhatRootAloneCanChange(t *testing.T) {
	for sentence, tc := range map[string]struct {
		arrange func(path string) (string, error) // returns what to run
		want    string
	}{
		"a file that its group may write": {func(p string) (string, error) { return p, os.Chmod(p, 0o775) }, "the file can be written by others"},
		"a file that all may write":       {func(p string) (string, error) { return p, os.Chmod(p, 0o757) }, "mode 0757"},
		"a file that is not executable":   {func(p string) (string, error) { return p, os.Chmod(p, 0o644) }, "not executable"},
		"a folder that all may write":     {func(p string) (string, error) { return p, os.Chmod(filepath.Dir(p), 0o777) }, "folder"},
		"a sticky folder": {func(p string) (string, error) {
			return p, os.Chmod(filepath.Dir(filepath.Dir(p)), 0o777|os.ModeSticky)
		}, "mode 1777"},
		"a link": {func(p string) (string, error) { return p + "-link", os.Symlink(p, p+"-link") }, "symbolic link"},
		"a link on the way": {func(p string) (string, error) {
			link := filepath.Dir(filepath.Dir(p)) + "/link"
			return link + "/program", os.Symlink(filepath.Dir(p), link)
		}, "symbolic link"},
		"a folder":               {func(p string) (string, error) { return filepath.Dir(p), nil }, "not a regular file"},
		"a file as a folder":     {func(p string) (string, error) { return p + "/x", nil }, "not a folder"},
		"a pipe":                 {func(p string) (string, error) { return p + "-pipe", unix.Mkfifo(p+"-pipe", 0o755) }, "not a regular file"},
		"a file that is missing": {func(p string) (string, error) { return p + "-none", nil }, "no such file"},
	} {
		t.Run(sentence, func(t *testing.T) {
			path, err := tc.arrange(script(t, `echo '{"done":true}'`))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = execute(t, context.Background(), 0, path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error is %v, want %q and %q", err, tc.want, path)
			}
		})
	}
}

func TestExecTrustsNoOneElsesFile(t *testing.T) {
	// Without root there is no second user to give a file to; / has one then:
	// what is not mapped into the user namespace belongs to nobody.
	path := "/usr"
	if strange := script(t, ""); os.Chown(strange, 1, 1) == nil {
		path = strange
	}
	if _, err := openTrusted(path + "/x"); err == nil || !strings.Contains(err.Error(), "not a folder") && !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("error is %v", err)
	}
	if path == "/usr" {
		return
	}
	if _, err := openTrusted(path); err == nil || !strings.Contains(err.Error(), "belongs to user 1") {
		t.Errorf("error is %v", err)
	}
}

func TestExecRunsWhatWasChecked(t *testing.T) {
	path := script(t, `echo '{"progress":"checked"}'; echo '{"done":true}'`)
	program, err := openTrusted(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	evil := script(t, `echo '{"progress":"swapped"}'; echo '{"done":true}'`)
	if err := os.Rename(evil, path); err != nil {
		t.Fatal(err)
	}
	a := &answer{freed: func(headroom.Amount) {}}
	err = child{program: program, args: []string{path}, question: strings.NewReader(""), timeout: time.Hour, grace: grace}.run(context.Background(), a)
	if diff := cmp.Diff([]string{"checked"}, a.notes()); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestExecRecordsALittleProgress(t *testing.T) {
	_, notes, err := execute(t, context.Background(), 0, script(t, `for i in $(seq 100); do echo "{\"progress\":\"step $i\u001b\"}"; done
echo '{"done":true}'`))
	if err != nil || len(notes) != maxProgress+1 || notes[0] != `"step 1\x1b"` || notes[maxProgress] != "… and 90 more" {
		t.Errorf("%q: %v", notes, err)
	}
}

func TestExecStartsABinaryAsWell(t *testing.T) {
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Dir(script(t, "")) + "/" + doneBinary
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err = execute(t, context.Background(), 0, path); err != nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"progress":"a"}`+"\n"+`{"freed":{"bytes":1}}`+"\n"+`{"done":true}`), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		run := func(chunks ...[]byte) string {
			var said []string
			a := &answer{freed: func(x headroom.Amount) { said = append(said, fmt.Sprint(x)) }}
			for _, c := range chunks {
				if _, err := a.Write(c); err != nil {
					return strings.Join(said, ",") + err.Error()
				}
			}
			return strings.Join(append(said, a.notes()...), ",") + fmt.Sprint(a.end())
		}
		cut = min(max(cut, 0), len(data))
		if whole, parts := run(data), run(data[:cut], data[cut:]); whole != parts {
			t.Errorf("%q in one is %s, cut at %s: %s", data, whole, strconv.Itoa(cut), parts)
		}
	})
}
