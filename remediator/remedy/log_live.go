package remedy

import (
	"context"

	headroom "github.com/nodeheadroom/headroom"
)

// planLive adds what is to be done to live logs, largest first, until the plan
// covers its need: what can be renamed and reopened is, and only then something
// is truncated.
func (w *walker) planLive(ctx context.Context, n Node, plan *Plan) error {
	rest := plan.need.Amount - plan.Frees.In(plan.need.Signal.Unit())
	files := w.live.sorted()
	if rest <= 0 || len(files) == 0 {
		return nil
	}
	users := make(map[uint64]*uses, len(files))
	for _, f := range files {
		users[f.ino] = new(uses)
	}
	if err := findUses(ctx, n.Proc, w.disk, users); err != nil {
		return err
	}
	if w.Reopen && n.Runtime != nil {
		var err error
		if files, err = w.planRotations(ctx, n.Runtime, plan, files, users, &rest); err != nil {
			return err
		}
	}
	if !w.Truncate {
		return nil
	}
	for _, f := range files {
		if rest <= 0 {
			break
		}
		if reason := users[f.ino].forbid(f.size); reason != "" {
			w.notes.add(reason, printable(f.path()))
			continue
		}
		plan.add(Truncate, f)
		rest -= f.frees.In(headroom.Bytes)
	}
	return nil
}

// planRotations plans the logs that can be renamed and reopened, takes what they
// free off rest, and returns the others.
func (w *walker) planRotations(ctx context.Context, r Containers, plan *Plan, files []file, users map[uint64]*uses, rest *int64) (others []file, err error) {
	owners, err := logOwners(ctx, r)
	if err != nil {
		if ctx.Err() == nil {
			w.notes.add("no log can be renamed and reopened: "+err.Error(), "")
			return files, nil
		}
		return nil, err
	}
	for _, f := range files {
		if *rest <= 0 {
			return nil, nil
		}
		id, reason := w.rotatable(ctx, owners, f, users[f.ino])
		if reason != "" {
			if !w.Truncate { // else it says itself what holds it
				w.notes.add(reason, printable(f.path()))
			}
			others = append(others, f)
			continue
		}
		plan.add(Rotate, f)
		plan.Items[len(plan.Items)-1].id = id
		*rest -= f.frees.In(headroom.Bytes)
	}
	return others, nil
}

// rotatable returns which container's log f is, or why it cannot be renamed and
// reopened.
func (w *walker) rotatable(ctx context.Context, o owners, f file, u *uses) (id, reason string) {
	if reason := u.forbidReopen(f.size); reason != "" {
		return "", reason
	}
	if reason := roomForLog(f.in.root.statfs()); reason != "" {
		w.notes.add("no log can be renamed and reopened: "+reason, "")
		return "", reason
	}
	id, err := o.of(ctx, &f)
	if err != nil {
		return "", err.Error()
	}
	return id, ""
}
