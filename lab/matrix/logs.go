package main

import "context"

// logs is a container that logs and logs, on a node whose kubelet was told to leave
// rotation to somebody else: one log, open and growing.
var logs = fill{
	name:     "logs",
	title:    "container logs",
	disk:     nodefs,
	unit:     inBytes,
	kubelet:  map[string]any{"containerLogMaxSize": "1Gi"},
	offender: offend(1),
	run:      pour(1),
}

// pour has the offender log so much that its log, or what the kubelet makes of it,
// takes the amount: kept is the share of what is logged that stays on the disk.
func pour(kept float64) func(context.Context, *stand, order) error {
	return func(ctx context.Context, s *stand, o order) error {
		amount := float64(o.amount) / kept * lineBytes / float64(lineBytes+prefixBytes)
		if err := command(ctx, s, "log", int64(amount), int64(amount/o.lasts.Seconds()), lineBytes); err != nil {
			return err
		}
		return o.over(ctx)
	}
}

const (
	// lineBytes is the length of the offender's lines, as of those that write
	// whole documents: short ones cost more processor time than disk.
	lineBytes = 4096
	// prefixBytes is what a container runtime writes before each.
	prefixBytes = len("2026-01-02T15:04:05.000000000Z stdout F ")
)
