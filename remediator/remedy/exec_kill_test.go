package remedy

import (
	"context"
	"strings"
	"testing"

	headroom "github.com/nodeheadroom/headroom"
)

func init() {
	// Runs PROGRAM and hangs at STEP.
	scripts["exec-and-hang"] = func(args []string) error {
		r := Exec{execSettings{Command: args[:1], Timeout: defaultTimeout}}
		plan, err := r.Plan(context.Background(), Node{}, Need{Signal: headroom.NodeFSAvailable, Amount: 1})
		if err != nil {
			return err
		}
		_, err = r.Apply(context.Background(), Node{}, plan, Run{
			Key:     "the same",
			Missing: func(context.Context) (int64, error) { return 1, nil },
			Removed: func(Item, headroom.Amount) {},
			Step:    hangAt(args[1]),
		})
		return err
	}
}

// The program itself sees to it that its key counts once; it is given the same again.
func TestExecThatIsKilledAtAStepIsAskedAgainWithTheSameKey(t *testing.T) {
	for _, step := range (Exec{}).Steps() {
		t.Run(step, func(t *testing.T) {
			asked := t.TempDir() + "/asked"
			path := script(t, "cat >>"+asked+"\necho '{\"freed\":{\"bytes\":1}}'\necho '{\"done\":true}'\n")
			a := launch(t, "exec-and-hang", path, step)
			a.killAt("hanging")
			noChildren(t)
			a = launch(t, "exec-and-hang", path, execEnded) // and this one gets there
			a.expect("hanging")
			a.stop()
			questions := strings.Count(content(t, asked), `"key":"the same"`)
			if want := map[string]int{execStarting: 1, execFreed: 2, execEnded: 2}[step]; questions != want {
				t.Errorf("the program was asked %d times with the key, want %d", questions, want)
			}
		})
	}
}
