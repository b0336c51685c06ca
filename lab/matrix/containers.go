package main

import (
	"context"
	"errors"
	"time"
)

// containers are three pods that crash again and again, each time with something
// written beside their image, on a node that keeps a thousand dead containers (the
// kubelet's old flag; its default is one) and restarts at once.
var containers = fill{
	name:     "containers",
	title:    "dead containers",
	disk:     imagefs,
	unit:     inBytes,
	kubelet:  map[string]any{"crashLoopBackOff": map[string]any{"maxContainerRestartPeriod": "1s"}},
	flags:    []string{"--maximum-dead-containers-per-container=1000"},
	offender: offend(crashing),
	run:      crash,
}

const (
	crashing = 3       // pods
	leaves   = 8 << 20 // bytes, that each dead container leaves
	// restart is what a kubelet takes from a container's end to the next one's
	// beginning, about.
	restart = 2500 * time.Millisecond
)

// crash has the offenders write and end, at a pace that takes the amount in time.
func crash(ctx context.Context, s *stand, o order) error {
	lives := time.Duration(leaves * crashing / o.perSecond() * float64(time.Second))
	writes := max(lives-restart, time.Second)
	if err := command(ctx, s, "leave", "/left", leaves, int64(leaves/writes.Seconds())); err != nil {
		return err
	}
	if err := o.over(ctx); err != nil {
		return err
	}
	if err := command(ctx, s, "pause"); !errors.Is(err, errNobody) {
		return err
	}
	return nil
}
