package remediator

import (
	"context"
	"errors"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// unfinished gives an engine the methods that control.Engine wants and it does
// not have yet. It goes when the engine has them: then serve hands over the
// engine itself.
type unfinished struct{ *engine.Engine }

var errUnfinished = errors.New("the engine cannot be asked for that yet")

func (unfinished) Ask(context.Context, headroom.Signal, string) (headroom.Request, error) {
	return headroom.Request{}, errUnfinished
}
func (unfinished) Approve(context.Context, string, string, string) error { return errUnfinished }
func (unfinished) Cancel(context.Context, string, string) error          { return errUnfinished }
func (unfinished) Pause(context.Context, headroom.Pause) error           { return errUnfinished }
func (unfinished) Resume(context.Context, string) error                  { return errUnfinished }
func (unfinished) Control(context.Context) (headroom.Control, error) {
	return headroom.Control{}, nil
}

func (u unfinished) Cases(ctx context.Context) ([]headroom.Case, error) { return u.Store.Load(ctx) }
