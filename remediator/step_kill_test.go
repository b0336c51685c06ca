package remediator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/node/nodetest"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// A killing is a program that dies at a step, and what must be so afterwards.
type killing struct {
	ladder string // of one remedy, in YAML, after its name
	free   int64  // MiB of 64 that are available when it begins
	start  string
	target string
	// trouble makes what the remedy is to remove, and returns what it must not lose
	// and what is to be so in the end.
	trouble func(m *machine) (after func(ep headroom.Episode))
	outcome headroom.Outcome
}

// killings has each step of each remedy, but those for which there must be a
// container runtime: testdata/steps-of-a-runtime lists them, and lab/remedies
// kills the program there on a real node.
var killings = map[string]killing{
	"log-reclaim: removed":    {ladder: "keep: 1, truncate: false", trouble: rotatedLogsOnly},
	"log-reclaim: truncated":  {ladder: "keep: 1, reopen: false", trouble: liveLogs},
	"journal-vacuum: removed": {ladder: "keep: 0, rotate: false", trouble: archivesOnly},
	"journal-vacuum: rotated": {ladder: "keep: 0", free: 24, start: "35%", target: "50%", trouble: journalBeingWritten},
	"ballast: removed":        {ladder: "path: %s/ballast, size: 32Mi", trouble: pieces, outcome: headroom.Exhausted},
	"exec: starting":          {ladder: "command: [%s/bin/rooms]", trouble: askedProgram(1)},
	"exec: freed":             {ladder: "command: [%s/bin/rooms]", trouble: askedProgram(2)},
	"exec: ended":             {ladder: "command: [%s/bin/rooms]", trouble: askedProgram(1)},
}

func TestKilledAtAnyStepOfAnyRemedyItIsFinishedOrUndone(t *testing.T) {
	binary := build(t)
	elsewhere := stepsOfARuntime(t)
	for _, r := range remedy.All {
		for _, step := range r.Steps() {
			k, ok := killings[step]
			switch {
			case ok && elsewhere[step]:
				t.Errorf("%s is killed here: it need not be in testdata/steps-of-a-runtime", step)
			case !ok && !elsewhere[step]:
				t.Errorf("nothing kills the program at %q: give killings a case, or lab/remedies and testdata/steps-of-a-runtime", step)
			}
			delete(elsewhere, step)
			if ok {
				t.Run(step, func(t *testing.T) { k.play(t, binary, r.Name(), step) })
			}
		}
	}
	for step := range elsewhere {
		t.Errorf("testdata/steps-of-a-runtime has %q, which is no step", step)
	}
}

// stepsOfARuntime are those at which lab/remedies kills the program.
func stepsOfARuntime(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("testdata/steps-of-a-runtime")
	if err != nil {
		t.Fatal(err)
	}
	steps := make(map[string]bool)
	for line := range strings.Lines(string(data)) {
		steps[strings.TrimSuffix(line, "\n")] = true
	}
	return steps
}

func (k killing) play(t *testing.T, binary, name, step string) {
	m := newMachine(t)
	if disk, ok := nodetest.Disk(t, "ext4", 64*mebi, "-q", "-m", "0"); ok {
		m.disk = disk
	}
	ladder := k.ladder
	if strings.Contains(ladder, "%s") {
		ladder = fmt.Sprintf(ladder, m.disk)
	}
	m.write("policy.yaml", fmt.Sprintf(`
cases:
  - match: ['signal="nodefs.available"']
    start: %s
    target: %s
    ladder: [{remedy: %s, approval: none, %s}]
`, or(k.start, "5%"), or(k.target, "15%"), name, ladder), 0o644)
	after := k.trouble(m)
	bystander := m.fill(or(k.free, 3) * mebi)

	m.dies(step, headroom.NodeFSAvailable)
	if _, cut := m.unfinished(); !cut {
		t.Fatal("no rung is on record as being applied")
	}
	p := m.spawn(binary) // nobody asks again
	ep := m.over(headroom.NodeFSAvailable)
	m.truthful(ep, or(k.outcome, headroom.Succeeded))
	after(ep)
	bystander()
	if status := p.end(syscall.SIGTERM); status != 0 {
		t.Errorf("stopped with status %d:\n%s", status, p.stderr)
	}
}

// truthful checks what is on record of an episode whose first rung was killed.
func (m *machine) truthful(ep headroom.Episode, want headroom.Outcome) {
	m.t.Helper()
	if cases := m.list(); len(cases) != 1 || len(cases[0].Episodes) != 1 {
		m.t.Errorf("%d cases, want one with one episode: %+v", len(cases), cases)
	}
	if ep.Outcome != want || ep.After == nil {
		m.t.Fatalf("the episode is %s: %s; rungs %+v", ep.Outcome, ep.Detail, ep.Rungs)
	}
	if missing := ep.After.Missing(ep.Target); missing > 0 && want == headroom.Succeeded {
		m.t.Errorf("it is said to have reached its target, and %d bytes are missing", missing)
	}
	for i, r := range ep.Rungs {
		if cut := i == 0; (r.Outcome == headroom.RungInterrupted) != cut || (r.Removed == nil) != cut {
			m.t.Errorf("rung %d of %d is %s and removed %+v: %s", i+1, len(ep.Rungs), r.Outcome, r.Removed, r.Error)
		}
		if strings.Contains(strings.Join(r.Notes, "\n"), "harm") {
			m.t.Errorf("rung %d did harm: %q", i+1, r.Notes)
		}
	}
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// available is what the disk has left.
func (m *machine) available() int64 {
	m.t.Helper()
	var st unix.Statfs_t
	unix.Sync() // what is written is allocated
	if err := unix.Statfs(m.disk, &st); err != nil {
		m.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// fill leaves so many bytes on the disk by a file that nobody may touch, and
// returns what checks that nobody has.
func (m *machine) fill(leave int64) (untouched func()) {
	m.t.Helper()
	data := bytes.Repeat([]byte("somebody's data\n"), int(max(0, m.available()-leave)/16))
	path := filepath.Join(m.disk, "data")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		m.t.Fatal(err)
	}
	unix.Sync()
	return func() {
		m.t.Helper()
		if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, data) {
			m.t.Errorf("somebody's data has changed: %v", err)
		}
	}
}

// left counts the paths that are there.
func left(paths []string) (n int) {
	for _, there := range exists(paths...) {
		if there {
			n++
		}
	}
	return n
}

// Three of five parts of a log reach the target: no more of them go, whenever it
// was killed, and the newest does not go.
func rotatedLogsOnly(m *machine) func(headroom.Episode) {
	var rotated []string
	for i := range 5 {
		rotated = append(rotated, m.log("app", fmt.Sprintf("0.log.20261101-10000%d", i), 5*mebi))
	}
	return func(ep headroom.Episode) {
		if n := left(rotated); n != 2 || !exists(rotated[4])[0] || len(ep.Rungs) != 2 {
			m.t.Errorf("%d of 5 are left after %d rungs, the newest is: %t", n, len(ep.Rungs), exists(rotated[4])[0])
		}
	}
}

// Both logs are needed: the second is emptied after the restart. Whoever writes
// them goes on.
func liveLogs(m *machine) func(headroom.Episode) {
	logs := []string{m.log("app", "0.log", 8*mebi), m.log("proxy", "0.log", 9*mebi)}
	var writers []*actor
	for _, l := range logs {
		writers = append(writers, m.actor("append", l))
	}
	return func(headroom.Episode) {
		for i, w := range writers {
			w.act()
			if text, err := os.ReadFile(logs[i]); err != nil || string(text) != writtenLater {
				m.t.Errorf("%s has %d bytes: %v", logs[i], len(text), err)
			}
		}
	}
}

// journalFile writes a file with a header that journald has written.
func (m *machine) journalFile(name, header string, size int) string {
	m.t.Helper()
	data, err := os.ReadFile("remedy/testdata/journal/" + header)
	if err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(m.disk, "journal", "f4452b0e845a4afc881a3582cf2951f4", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, bytes.Repeat([]byte("entry"), (size-len(data))/5)...), 0o640); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// archived is the name of an archive that begins at that hour.
func archived(hour int) string {
	return fmt.Sprintf("system@5984d3e6e39d437fa05943f534baa772-%016x-%016x.journal", hour, hour*3600e6)
}

// Three of five archives go, oldest first.
func archivesOnly(m *machine) func(headroom.Episode) {
	var archives []string
	for i := range 5 {
		archives = append(archives, m.journalFile(archived(i+1), "archived", 5*mebi))
	}
	live := m.journalFile("system.journal", "online", mebi)
	return func(headroom.Episode) {
		if want := []bool{false, false, false, true, true, true}; !slices.Equal(exists(append(archives, live)...), want) {
			m.t.Errorf("left are %v, want %v", exists(append(archives, live)...), want)
		}
	}
}

// What is being written becomes an archive and goes after the restart, and
// journald logs on.
func journalBeingWritten(m *machine) func(headroom.Episode) {
	live := m.journalFile("system.journal", "online", 20*mebi)
	writer := m.actor("journald", live, m.path("journald"))
	return func(headroom.Episode) {
		there, err := filepath.Glob(filepath.Join(filepath.Dir(live), "*"))
		if err != nil || len(there) != 1 {
			m.t.Errorf("left are %q: %v", there, err)
		}
		writer.act()
		if text, err := os.ReadFile(live); err != nil || string(text) != writtenLater {
			m.t.Errorf("journald's file has %d bytes: %v", len(text), err)
		}
	}
}

// Of 16 pieces go as many as are needed, and it is not said that this helped.
func pieces(m *machine) func(headroom.Episode) {
	folder := filepath.Join(m.disk, "ballast")
	m.trusted(folder)
	var all []string
	for i := range 16 {
		all = append(all, filepath.Join(folder, fmt.Sprintf("piece-%02d", i)))
		if err := os.WriteFile(all[i], make([]byte, 2*mebi), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	return func(ep headroom.Episode) {
		if more := -ep.After.Missing(ep.Target); more < 0 || more >= 2*mebi {
			m.t.Errorf("%d bytes more than the target are free, and %d of 16 pieces are left", more, left(all))
		}
		if !strings.Contains(ep.Detail, "set aside") {
			m.t.Errorf("it ended with %q", ep.Detail)
		}
	}
}

// trusted makes a folder that only root can write, as all above it.
func (m *machine) trusted(folder string) {
	m.t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		m.t.Fatal(err)
	}
	for ; folder != "/"; folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
}

// The administrator's program removes seven files of 2 MiB, one each time it is
// asked by a key, and is asked by one key, so many times.
func askedProgram(times int) func(m *machine) func(headroom.Episode) {
	return func(m *machine) func(headroom.Episode) {
		bin := filepath.Join(m.disk, "bin")
		m.trusted(bin)
		keys := m.path("keys")
		var rooms []string
		for i := range 7 {
			rooms = append(rooms, filepath.Join(bin, fmt.Sprintf("room-%d", i)))
			if err := os.WriteFile(rooms[i], make([]byte, 2*mebi), 0o600); err != nil {
				m.t.Fatal(err)
			}
		}
		script := fmt.Sprintf(`#!/bin/sh
read -r question
echo "$question" | sed 's/.*"key":"\([^"]*\)".*/\1/' >>%s
for room in %s/room-*; do
	[ -e "$room" ] || continue
	rm "$room"
	echo '{"freed":{"bytes":2097152,"inodes":1}}'
done
echo '{"done":true}'
`, keys, bin)
		if err := os.WriteFile(filepath.Join(bin, "rooms"), []byte(script), 0o755); err != nil {
			m.t.Fatal(err)
		}
		return func(headroom.Episode) {
			if n := left(rooms); n != 0 {
				m.t.Errorf("%d rooms are left", n)
			}
			text, err := os.ReadFile(keys)
			asked := strings.Fields(string(text))
			if err != nil || len(asked) == 0 || len(asked) > times || len(slices.Compact(asked)) != 1 {
				m.t.Errorf("it was asked by %q, want one key, %d times at most: %v", asked, times, err)
			}
		}
	}
}
