package remedy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	headroom "github.com/nodeheadroom/headroom"
)

// A runtime that does not answer in time may make the log anew when it can: CRI-O
// then replaces whatever has the name, so the old log must not have got it back.
func TestALogThatIsMadeAnewTooLateLosesNothing(t *testing.T) {
	for sentence, late := range map[string]error{
		"it does not answer":      fmt.Errorf("no answer: %w", context.DeadlineExceeded),
		"its own time is over":    status.Error(codes.DeadlineExceeded, "context deadline exceeded"),
		"it is restarted":         fmt.Errorf("ReopenContainerLog: %w", status.Error(codes.Unavailable, "error reading from server: EOF")),
		"we close the connection": status.Error(codes.Canceled, "grpc: the client connection is closing"),
	} {
		for _, role := range []string{"runtime", "conmon"} {
			t.Run(sentence+"/"+role, func(t *testing.T) { madeAnewTooLate(t, role, late) })
		}
	}
}

func madeAnewTooLate(t *testing.T, role string, late error) {
	l, path := live(t)
	cri, writer := l.withRuntime(role, path)
	writer.act()
	reopen := cri.reopen
	cri.reopen = func(string) error { return late }

	_, err := LogReclaim{}.Apply(t.Context(), l.node, l.plan(LogReclaim{}, l.bytes(all)), Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(Item, headroom.Amount) { t.Error("something was removed") },
	})
	if !errors.Is(err, ErrHalfDone) {
		t.Fatalf("Apply: %v", err)
	}
	// Nor does it get it back while it is asked again in vain.
	for _, fail := range []*error{&late, &cri.listErr} {
		*fail = late
		if notes, err := (LogReclaim{}).Finish(t.Context(), l.node); err == nil || len(notes) > 0 {
			t.Errorf("Finish: %v, %q", err, notes)
		}
		if inode(t, l.rotatedUncompressed()) == 0 || len(l.names()) != 1 {
			t.Errorf("there are %q", l.names())
		}
	}
	cri.listErr = nil
	writer.act() // by the old name

	if err := reopen(""); err != nil {
		t.Fatal(err)
	}
	if notes := l.finish(); len(notes) > 0 {
		t.Errorf("then it says %q", notes)
	}
	writer.act()
	lines := strings.Count(content(t, path), aLine)
	if lines != 1 || strings.Count(content(t, l.rotatedUncompressed()), aLine) != 2 {
		t.Errorf("%d lines in the new log; there are %q", lines, l.names())
	}
}

// A runtime that says yes and makes no log: its conmon may be about to, or none ever
// will. What has been asked twice, half a minute apart, gets its name back.
func TestALogThatIsNotMadeAnewGetsItsNameBackTheSecondTime(t *testing.T) {
	l, path := live(t)
	cri, writer := l.withRuntime("runtime", path)
	was := inode(t, path)
	cri.reopen = func(string) error { return nil }
	_, err := LogReclaim{}.Apply(t.Context(), l.node, l.plan(LogReclaim{}, l.bytes(all)), Run{
		Missing: func(context.Context) (int64, error) { return all, nil },
		Removed: func(Item, headroom.Amount) { t.Error("something was removed") },
	})
	if !errors.Is(err, ErrHalfDone) || len(l.rotatedNames()) != 1 {
		t.Fatalf("Apply: %v; there are %q", err, l.names())
	}
	noted(t, l.finish(), "it has its name again")
	writer.act()
	if inode(t, path) != was || content(t, path) != aLine {
		t.Errorf("there are %q", l.names())
	}
}
