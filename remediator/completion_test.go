package remediator

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/control"
)

// What a shell shows when somebody presses tab, by the script that completion
// prints, and the program's own answer. Of a shell that is
// not on the machine only the latter; .ci/run installs them.
func TestCompletion(t *testing.T) {
	binary := build(t)
	m := newMachine(t)
	const id = "nodefs.available-20261101T100000.000"
	engine := &played{State: control.State{Node: "node-1", Cases: []headroom.Case{
		{Node: "node-1", Signal: headroom.NodeFSAvailable, Episodes: []headroom.Episode{
			{ID: id, Phase: headroom.Waiting, Pending: &headroom.Pending{Plan: "3f2a9c0d112233445566778899aabbcc"}},
		}},
		{Node: "node-1", Signal: headroom.PIDAvailable, Episodes: []headroom.Episode{{ID: "pid.available-1", Phase: headroom.Over}}},
	}}}
	l, err := control.Listen(m.path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- (&control.Server{Engine: engine, Node: "node-1", Logger: slog.New(slog.DiscardHandler)}).Serve(ctx, l)
	}()
	defer func() { stop(); <-ended }()

	socket := "--control.socket=" + m.path("socket")
	cases := map[string]struct {
		words []string // the last is being typed
		want  []string
	}{
		"the commands":                             {[]string{"p"}, []string{"pause", "plan"}},
		"the signals to run":                       {[]string{"run", "nodefs."}, []string{"nodefs.available", "nodefs.inodesFree"}},
		"the shells":                               {[]string{"completion", ""}, []string{"bash", "fish", "zsh"}},
		"signals with a case, and episodes":        {[]string{socket, "show", ""}, []string{"nodefs.available", id, "pid.available", "pid.available-1"}},
		"what is not over, to be cancelled":        {[]string{socket, "cancel", ""}, []string{"nodefs.available", id}},
		"the episode that waits for approval":      {[]string{socket, "approve", ""}, []string{id}},
		"and its plan":                             {[]string{socket, "approve", id, ""}, []string{"3f2a9c0d1122"}},
		"nothing where the program does not run":   {[]string{socket + "x", "show", ""}, nil},
		"formats":                                  {[]string{"list", "--output", ""}, []string{"json", "table"}},
		"the flags of a command among the others'": {[]string{"run", "--ti"}, []string{"--timeout"}},
	}
	shells := map[string]func(binary string, words []string) []string{"bash": pressInBash, "zsh": pressInZsh, "fish": pressInFish}
	for shell := range shells {
		if _, err := exec.LookPath(shell); err != nil {
			delete(shells, shell)
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			last := c.words[len(c.words)-1]
			answer := lines(t, exec.Command(binary, append([]string{"--completion-bash"}, c.words...)...))
			answer = slices.DeleteFunc(answer, func(word string) bool { return !strings.HasPrefix(word, last) })
			if diff := cmp.Diff(c.want, answer); diff != "" {
				t.Errorf("the program answers (-want +got):\n%s", diff)
			}
			for shell, press := range shells {
				shown := lines(t, exec.Command(shell, press(binary, c.words)...))
				if diff := cmp.Diff(c.want, slices.DeleteFunc(shown, func(word string) bool { return !strings.HasPrefix(word, last) })); diff != "" {
					t.Errorf("%s shows (-want +got):\n%s", shell, diff)
				}
			}
		})
	}
}

// pressInFish has fish itself say what would complete a line.
func pressInFish(binary string, words []string) []string {
	return []string{"--no-config", "-c", fmt.Sprintf("'%s' completion fish | source; complete -C '%[1]s %s'", binary, strings.Join(words, " "))}
}

// pressInZsh is what zsh does at a prompt, down to the builtin that shows words,
// which works nowhere else.
func pressInZsh(binary string, words []string) []string {
	return []string{"-f", "-c", fmt.Sprintf(`compdef() { }; compadd() { print -l -- ${(P)2} }; source <('%s' completion zsh)
words=('%[1]s' '%s'); CURRENT=$#words; _headroom_remediator`, binary, strings.Join(words, "' '"))}
}

// pressInBash is what bash does at a prompt, which takes --flag=value apart.
func pressInBash(binary string, words []string) []string {
	var split []string
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		split = append(split, name)
		if ok {
			split = append(split, "=", value)
		}
	}
	for i, word := range split {
		split[i] = "'" + word + "'"
	}
	return []string{"--norc", "-c", fmt.Sprintf(`source <("%s" completion bash); COMP_WORDS=("%[1]s" %s); COMP_CWORD=%d; _headroom_remediator; printf '%%s\n' "${COMPREPLY[@]}"`,
		binary, strings.Join(split, " "), len(split))}
}

// lines are what a command prints, sorted; nil if nothing.
func lines(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}
