package cri

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// call makes one call within its limit. Its errors name the runtime and the call.
func call[In, Out any](ctx context.Context, c *Client, name string, limit time.Duration, method func(context.Context, In, ...grpc.CallOption) (Out, error), in In) (Out, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := method(ctx, in)
	if err != nil {
		return out, fmt.Errorf("container runtime at %s: %s: %w", c.path, name, explain(ctx, err, limit))
	}
	return out, nil
}

// remove is a call to remove something, for which it is well if that does not
// exist.
func remove[In, Out any](ctx context.Context, c *Client, name string, method func(context.Context, In, ...grpc.CallOption) (Out, error), in In) error {
	_, err := call(ctx, c, name, changeLimit, method, in)
	if missing(err) {
		return nil
	}
	return err
}

// missing reports whether the runtime said that there is no such thing.
func missing(err error) bool { return status.Code(err) == codes.NotFound }

// explain says what to do about a call's error, and keeps its code.
func explain(ctx context.Context, err error, limit time.Duration) error {
	switch status.Code(err) {
	case codes.Unimplemented:
		return fmt.Errorf(`%w (it must serve the CRI's v1, as containerd 1.6 and CRI-O 1.24 do first; does its configuration switch it off, by "cri" in disabled_plugins?)`, err)
	case codes.Unavailable:
		return fmt.Errorf("%w (is --runtime.endpoint right, the runtime running, and this process root?)", err)
	case codes.ResourceExhausted:
		return fmt.Errorf("%w (an answer may have %d bytes)", err, maxAnswer)
	case codes.DeadlineExceeded, codes.Canceled:
		if cause := ctx.Err(); cause != nil { // the runtime's own deadlines are not ours
			return fmt.Errorf("no answer: %w (a call may take %s)", cause, limit)
		}
	}
	return err
}
