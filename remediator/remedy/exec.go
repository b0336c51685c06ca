package remedy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// Exec runs the administrator's own program: a file that only root can change,
// in folders that only root can change, with the arguments of the policy and
// nothing of an alert's. The program is started by descriptor, so what was
// checked is what runs; a script therefore finds /proc/self/fd/3 as its own
// name ($0), and its interpreter is trusted, not checked.
//
// It gets PATH and LANG=C, / as its folder, one JSON object on standard input
//
//	{"version":1,"key":"…","node":"…","signal":"nodefs.available","unit":"bytes","missing":1234}
//
// and answers on standard output with one JSON object a line:
//
//	{"progress":"a note for the record"}
//	{"freed":{"bytes":4096,"inodes":1}}
//	{"done":true}
//
// It failed unless it said done, as its last word, and exited with 0. What it
// says it freed is its claim. The key is the same again when the program is run
// again after a crash. At the end, at the timeout or when the remediator dies
// its process group is killed (in the last case only the program itself); what
// left the group on purpose lives on. Keys: command, timeout, frees.
type Exec struct {
	settings execSettings
}

// execSettings are Exec's keys in a policy.
type execSettings struct {
	// Command is the program's absolute path and its arguments.
	Command []string `yaml:"command"`
	// Timeout is when the program is stopped: SIGTERM, then SIGKILL.
	Timeout time.Duration `yaml:"timeout"`
	// Frees is what one run is expected to free, for the plan.
	Frees struct {
		Bytes  quantity `yaml:"bytes"`
		Inodes quantity `yaml:"inodes"`
	} `yaml:"frees"`
}

const (
	defaultTimeout = time.Minute
	maxTimeout     = time.Hour
	grace          = 5 * time.Second
)

// Name returns "exec".
func (Exec) Name() string { return "exec" }

// Steps are before the program runs, after what it says it freed, and after its
// end.
func (Exec) Steps() []string { return []string{execStarting, execFreed, execEnded} }

const (
	execStarting = "exec: starting"
	execFreed    = "exec: freed"
	execEnded    = "exec: ended"
)

// Configure reads the keys above. It does not look at the program: that is done
// right before it runs.
func (Exec) Configure(decode func(into any) error) (Remedy, error) {
	s := execSettings{Timeout: defaultTimeout}
	if err := decode(&s); err != nil {
		return nil, err
	}
	if len(s.Command) == 0 {
		return nil, errors.New("command: missing: give a list of the program's absolute path and its arguments")
	}
	if path := s.Command[0]; !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return nil, fmt.Errorf("command: %q: give an absolute path without \"..\" and double slashes", path)
	}
	for _, arg := range s.Command {
		if strings.ContainsRune(arg, 0) {
			return nil, fmt.Errorf("command: %q: an argument cannot contain a NUL", arg)
		}
	}
	if s.Timeout <= 0 || s.Timeout > maxTimeout {
		return nil, fmt.Errorf("timeout: %s: give a duration up to %s", s.Timeout, maxTimeout)
	}
	if s.Frees.Bytes < 0 || s.Frees.Inodes < 0 {
		return nil, errors.New("frees: give quantities of 0 or more")
	}
	return Exec{s}, nil
}

// Plan holds the program as its only item. It looks at the file and runs
// nothing.
func (e Exec) Plan(_ context.Context, _ Node, need Need) (Plan, error) {
	if err := e.configured(); err != nil {
		return Plan{}, err
	}
	program, err := openTrusted(e.settings.Command[0])
	if err != nil {
		return Plan{}, err
	}
	defer program.Close()
	frees := headroom.Amount{Bytes: int64(e.settings.Frees.Bytes), Inodes: int64(e.settings.Frees.Inodes)}
	quoted := make([]string, len(e.settings.Command))
	for i, arg := range e.settings.Command {
		quoted[i] = printable(arg)
	}
	item := Item{Does: Execute, What: strings.Join(quoted, " "), Frees: frees}
	return Plan{Items: []Item{item}, Frees: frees, need: need}, nil
}

func (e Exec) configured() error {
	if len(e.settings.Command) == 0 {
		return errors.New("exec: not configured: command is missing")
	}
	return nil
}

// Apply runs the program once, unless nothing is missing any more.
func (e Exec) Apply(ctx context.Context, n Node, plan Plan, run Run) ([]string, error) {
	if err := e.configured(); err != nil || len(plan.Items) == 0 {
		return nil, err
	}
	missing, err := run.Missing(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is missing: %w", err)
	}
	if missing <= 0 {
		return nil, nil
	}
	question, err := json.Marshal(struct {
		Version int             `json:"version"`
		Key     string          `json:"key"`
		Node    string          `json:"node"`
		Signal  headroom.Signal `json:"signal"`
		Unit    headroom.Unit   `json:"unit"`
		Missing int64           `json:"missing"`
	}{1, run.Key, n.Name, plan.need.Signal, plan.need.Signal.Unit(), missing})
	if err != nil {
		return nil, err
	}
	program, err := openTrusted(e.settings.Command[0])
	if err != nil {
		return nil, err
	}
	defer program.Close()
	answer := &answer{freed: func(a headroom.Amount) {
		run.Removed(plan.Items[0], a)
		run.step(execFreed)
	}}
	run.step(execStarting)
	err = child{
		program:  program,
		args:     e.settings.Command,
		question: bytes.NewReader(append(question, '\n')),
		timeout:  e.settings.Timeout,
		grace:    grace,
	}.run(ctx, answer)
	run.step(execEnded)
	return answer.notes(), err
}
