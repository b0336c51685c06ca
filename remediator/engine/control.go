package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

// minStorm is how many nodes must alert at least before their share of all is
// asked for: of four nodes, one is a quarter.
const minStorm = 3

// tries is how often a change of what several may change is made anew because
// somebody else was faster.
const tries = 10

// change loads the store's control, lets edit change it and saves it, as often
// as somebody else does the same meanwhile. edit reports whether there is
// anything to save.
func (e *Engine) change(ctx context.Context, edit func(*headroom.Control) bool) (headroom.Control, error) {
	for range tries {
		c, err := e.Store.Control(ctx)
		if err != nil {
			return c, err
		}
		if !edit(&c) {
			return c, nil
		}
		err = e.Store.SaveControl(context.WithoutCancel(ctx), &c)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, headroom.ErrConflict) {
			e.Metrics.storeErrors.Inc()
			return c, err
		}
	}
	return headroom.Control{}, fmt.Errorf("pause, breaker and budget: %w", headroom.ErrConflict)
}

// stormy notes nodes that alerted, ours or not, and opens the breaker if they
// are too many to be believed. It is durable when it returns.
func (e *Engine) stormy(ctx context.Context, nodes []string) error {
	now := time.Now()
	e.stormMu.Lock()
	most := e.stormSize()
	e.storm.within, e.storm.most = e.Policy.Breaker.Within, most // the number of all nodes may have changed
	for _, node := range nodes {
		e.storm.note(node, now)
	}
	n := e.storm.count(now)
	e.stormMu.Unlock()
	if n < most {
		return nil
	}
	until := now.Add(e.Policy.Breaker.Within)
	opened := false
	_, err := e.change(ctx, func(c *headroom.Control) bool {
		if c.Breaker == nil {
			c.Breaker, opened = &headroom.Breaker{Opened: now, Until: until, Nodes: n}, true
			return true
		}
		// While the storm lasts it stays open; not every alert is worth a write.
		if until.Sub(c.Breaker.Until) <= e.Policy.Breaker.Within/10 {
			return false
		}
		c.Breaker.Until = until
		return true
	})
	if opened && err == nil {
		e.stop("", stopped{by: "the breaker"})
		e.Metrics.breakerOpen.Set(1)
		e.Logger.Error("Breaker opens: so many nodes alert at once that a broken rule or exporter is likelier than as many full disks; nothing is done until it closes", "nodes", n, "within", e.Policy.Breaker.Within, "closes", until)
	}
	return err
}

// stormSize is how many nodes open the breaker.
func (e *Engine) stormSize() int {
	size := e.Policy.Breaker.Nodes
	if all := e.nodes(); all > 0 && e.Policy.Breaker.Ratio > 0 {
		size = min(size, max(minStorm, ceil(e.Policy.Breaker.Ratio*float64(all))))
	}
	return max(size, 1)
}

// nodes is how many nodes there are, or 0 where nobody knows.
func (e *Engine) nodes() int {
	if e.Nodes == nil {
		return 0
	}
	return e.Nodes()
}

// budget is on how many nodes episodes may run at once.
func (e *Engine) budget() int {
	n := e.Policy.Budget.Nodes
	if all := e.nodes(); all > 0 {
		n = min(n, int(e.Policy.Budget.Ratio*float64(all)+1e-9))
	}
	return max(n, 1)
}

func ceil(f float64) int {
	n := int(f)
	if float64(n) < f-1e-9 {
		n++
	}
	return n
}

// refresh loads the store's control for one round. A breaker whose time is over
// is closed: what it held back until then counts no more, since a storm's alerts
// say nothing about the calm after it. What arrived after that time and before we
// looked does count. Where the clock was set back, times to come are not waited
// for: the breaker's is over, and alerts are void up to now.
func (e *Engine) refresh(ctx context.Context) (headroom.Control, error) {
	open := false
	c, err := e.change(ctx, func(c *headroom.Control) bool {
		now := time.Now()
		before := *c
		open = c.Breaker != nil
		if open && !e.storms(*c.Breaker, now) {
			c.Breaker, c.Void = nil, c.Breaker.Until
		}
		if c.Void.After(now) {
			c.Void = now
		}
		if !c.Pause.Holds(now) {
			c.Pause = nil
		}
		return c.Breaker != before.Breaker || c.Pause != before.Pause || !c.Void.Equal(before.Void)
	})
	if err != nil {
		return c, err
	}
	if open && c.Breaker == nil {
		e.Logger.Warn("Breaker closes: alerts that arrived meanwhile count no more, and begin nothing unless they are delivered again")
	}
	e.Metrics.breakerOpen.Set(number(c.Breaker != nil))
	e.Metrics.paused.Set(number(c.Pause != nil))
	return c, nil
}

// storms reports whether a breaker is still to be open.
func (e *Engine) storms(b headroom.Breaker, now time.Time) bool {
	left := b.Until.Sub(now)
	return left > 0 && left <= 2*e.Policy.Breaker.Within
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// overBudget says who has all places in the budget, if this node has none and
// none is left.
func (e *Engine) overBudget(c headroom.Control) hold {
	most := e.budget()
	if _, mine := find(c.Grants, e.Node.Name); mine || len(c.Grants) < most {
		return hold{}
	}
	return hold{
		reason: headroom.OverBudget,
		detail: fmt.Sprintf("%d of %d nodes that may run at once do so", len(c.Grants), most),
		lift:   fmt.Sprintf("when the episode on %s is over", c.Grants[0].Node),
	}
}

// cleared asks right before an act what may have changed since the round began:
// a plan may take its time. It takes a place in the budget.
func (e *Engine) cleared(ctx context.Context) hold {
	c, err := e.Store.Control(ctx)
	if err != nil {
		return hold{reason: headroom.CannotTell, detail: fmt.Sprintf("whether anything may run: %v", err), lift: "when the store can be read"}
	}
	if h := e.everywhere(ctx, c); h.holds() {
		return h
	}
	return e.granted(ctx)
}

// granted takes this node's place in the budget, or says why it has none. A
// place is kept until the node itself gives it back: one that fell silent may
// be in the middle of something.
func (e *Engine) granted(ctx context.Context) hold {
	var h hold
	_, err := e.change(ctx, func(c *headroom.Control) bool {
		h = hold{}
		i, mine := find(c.Grants, e.Node.Name)
		if mine {
			return false
		}
		if h = e.overBudget(*c); h.holds() {
			return false
		}
		c.Grants = slices.Insert(c.Grants, i, headroom.Grant{Node: e.Node.Name, Since: time.Now()})
		return true
	})
	if err != nil {
		return hold{reason: headroom.CannotTell, detail: fmt.Sprintf("whether the budget has room: %v", err), lift: "when the store can be written"}
	}
	return h
}

// giveBack frees this node's place, if it has one.
func (e *Engine) giveBack(ctx context.Context, c headroom.Control) error {
	if _, mine := find(c.Grants, e.Node.Name); !mine {
		return nil
	}
	_, err := e.change(ctx, func(c *headroom.Control) bool {
		i, mine := find(c.Grants, e.Node.Name)
		if mine {
			c.Grants = slices.Delete(c.Grants, i, i+1)
		}
		return mine
	})
	return err
}

func find(gs []headroom.Grant, node string) (int, bool) {
	return slices.BinarySearchFunc(gs, node, func(g headroom.Grant, node string) int {
		switch {
		case g.Node < node:
			return -1
		case g.Node > node:
			return 1
		}
		return 0
	})
}
