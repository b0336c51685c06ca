package remedy

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
)

// live makes a tree whose only log is a live one of 2 MiB.
func live(t *testing.T) (logs, string) {
	l := newLogs(t)
	return l, l.write(web+"0.log", 2048)
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestLiveLogsOfAppendingWritersAreTruncated(t *testing.T) {
	l, path := live(t)
	first, second := start(t, "append", path), start(t, "append", path)
	follower := start(t, "follow", path)
	start(t, "path", path)
	removed, notes := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), nil)
	if want := (headroom.Amount{Bytes: 2 << 20}); removed != want || len(notes) > 0 {
		t.Errorf("removed %+v, want %+v; %q", removed, want, notes)
	}
	first.act()
	second.act()
	data, err := os.ReadFile(path)
	if want := strings.Repeat("a line of a log\n", 2); err != nil || string(data) != want {
		t.Errorf("the writers go on with %q: %v, want %q", data, err, want)
	}
	follower.act()
}

func TestLiveLogsThatAreLeftAlone(t *testing.T) {
	for sentence, tc := range map[string]struct {
		arrange func(t *testing.T, l logs, path string)
		set     func(*logSettings)
		note    []string // nil is none
	}{
		"a writer that does not append": {
			arrange: func(t *testing.T, _ logs, path string) {
				start(t, "append", path)
				start(t, "plain", path).act()
			},
			note: []string{"without O_APPEND", "at offset 16"},
		},
		"a writer that does not append and may read": {
			arrange: func(t *testing.T, _ logs, path string) {
				start(t, "append", path)
				start(t, "plain-both", path)
			},
			note: []string{"without O_APPEND", "at offset 0"},
		},
		"a writer that may read and is behind": {
			arrange: func(t *testing.T, _ logs, path string) { start(t, "append-both", path) },
			note:    []string{"reader behind"},
		},
		"more readers than are looked after": {
			arrange: func(t *testing.T, _ logs, path string) {
				start(t, "append", path)
				start(t, "crowd", path)
			},
			note: []string{"cannot tell", "more than 64 readers"},
		},
		"a reader behind": {
			arrange: func(t *testing.T, _ logs, path string) {
				start(t, "append", path)
				start(t, "hold", path)
			},
			note: []string{"reader behind"},
		},
		"a mapping": {
			arrange: func(t *testing.T, _ logs, path string) {
				start(t, "append", path)
				start(t, "map", path)
			},
			note: []string{"maps it"},
		},
		"no writer in sight": {
			arrange: func(t *testing.T, _ logs, path string) { start(t, "follow", path) },
			note:    []string{"no writer is seen", "cannot tell"},
		},
		"a second link": {
			arrange: func(t *testing.T, l logs, path string) {
				start(t, "append", path)
				if err := os.Link(path, l.path("precious")); err != nil {
					t.Fatal(err)
				}
			},
			note: []string{"hard links"},
		},
		"a small one": {
			arrange: func(t *testing.T, _ logs, path string) { start(t, "append", path) },
			set:     func(s *logSettings) { s.MinSize = 2<<20 + 1 },
		},
		"where truncation is switched off": {
			arrange: func(t *testing.T, _ logs, path string) { start(t, "append", path) },
			set:     func(s *logSettings) { s.Truncate = false },
		},
		"of an excluded namespace": {
			arrange: func(t *testing.T, _ logs, path string) { start(t, "append", path) },
			set:     func(s *logSettings) { s.ExcludeNamespaces = []string{"shop"} },
			note:    []string{"excludeNamespaces", "shop"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, path := live(t)
			tc.arrange(t, l, path)
			r := LogReclaim{}
			if tc.set != nil {
				r = with(t, tc.set)
			}
			before := l.manifest()
			plan := l.plan(r, l.bytes(all))
			if len(plan.Items) > 0 {
				t.Errorf("plans %q", l.effects(plan))
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
			if tc.note != nil {
				noted(t, plan.Notes, tc.note...)
			} else if len(plan.Notes) > 0 {
				t.Errorf("notes are %q", plan.Notes)
			}
		})
	}
}

func TestTruncationIsCheckedAgainBeforehand(t *testing.T) {
	for sentence, tc := range map[string]struct {
		change func(t *testing.T, l logs, path string, writer *actor)
		note   []string
	}{
		"a writer that does not append came": {
			change: func(t *testing.T, _ logs, path string, _ *actor) { start(t, "plain", path).act() },
			note:   []string{"without O_APPEND"},
		},
		"the writer went": {
			change: func(_ *testing.T, _ logs, _ string, writer *actor) { writer.stop() },
			note:   []string{"no writer is seen"},
		},
		"a reader came": {
			change: func(t *testing.T, _ logs, path string, _ *actor) { start(t, "hold", path) },
			note:   []string{"reader behind"},
		},
		"a mapping came": {
			change: func(t *testing.T, _ logs, path string, _ *actor) { start(t, "map", path) },
			note:   []string{"maps it"},
		},
		"the file was rotated and another one has its name": {
			change: func(t *testing.T, l logs, path string, _ *actor) {
				if err := os.Rename(path, l.path(web+monday)); err != nil {
					t.Fatal(err)
				}
				l.write(web+"0.log", 2048)
			},
			note: []string{hasChanged},
		},
		"the file is a link now": {
			change: func(t *testing.T, l logs, path string, _ *actor) {
				if err := os.Rename(path, l.path("precious")); err != nil {
					t.Fatal(err)
				}
				l.symlink(l.path("precious"), web+"0.log")
			},
			note: []string{hasChanged},
		},
		"the file is gone": {
			change: func(t *testing.T, _ logs, path string, _ *actor) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			},
			note: []string{"it is gone"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, path := live(t)
			writer := start(t, "append", path)
			plan := l.plan(LogReclaim{}, l.bytes(all))
			if len(plan.Items) != 1 {
				t.Fatalf("plans %q", l.effects(plan))
			}
			tc.change(t, l, path, writer)
			before := l.manifest()
			removed, notes := l.apply(LogReclaim{}, plan, nil)
			if removed != (headroom.Amount{}) {
				t.Errorf("removed %+v", removed)
			}
			if diff := cmp.Diff(before, l.manifest()); diff != "" {
				t.Error(diff)
			}
			noted(t, notes, tc.note...)
		})
	}
}

func TestHarmToAWriterThatCameMeanwhileIsSaid(t *testing.T) {
	for role, want := range map[string][]string{
		"plain": {"harm", "without O_APPEND", "at offset 16", "0.log"},
		"map":   {"harm", "began to map it", "0.log"},
	} {
		l, path := live(t)
		start(t, "append", path)
		_, notes := l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), func(Item) {
			start(t, role, path).act()
		})
		noted(t, notes, want...)
	}
}

func TestAWriterFasterThanTruncationFreesNothing(t *testing.T) {
	for was, want := range map[int64]headroom.Amount{8: {Bytes: 2048}, 4: {}, 2: {}} {
		if got := givenBack(&unix.Stat_t{Blocks: was}, &unix.Stat_t{Blocks: 4}); got != want {
			t.Errorf("from %d to 4 blocks: freed %+v, want %+v", was, got, want)
		}
	}
}

func TestAReaderThatCatchesUpIsNotBehind(t *testing.T) {
	l, path := live(t)
	writer, follower := start(t, "append", path), start(t, "follow", path)
	plan := l.plan(LogReclaim{}, l.bytes(all))
	writer.act()
	if _, notes := l.apply(LogReclaim{}, plan, nil); size(t, path) == 0 {
		t.Error("truncated under a reader that is a line behind")
	} else {
		noted(t, notes, "reader behind")
	}
	follower.act()
	l.apply(LogReclaim{}, plan, nil)
	if size(t, path) != 0 {
		t.Error("not truncated although the reader has caught up")
	}
}

func TestReadersAreLookedAtOnceMore(t *testing.T) {
	l, path := live(t)
	writer, follower, leaver := start(t, "append", path), start(t, "follow", path), start(t, "hold", path)
	plan := l.plan(LogReclaim{}, l.inodes(all))
	if plan.Frees != (headroom.Amount{}) {
		t.Errorf("frees %+v", plan.Frees)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	u := new(uses)
	if err := findUses(t.Context(), "/proc", l.disk(), map[uint64]*uses{st.Ino: u}); err != nil {
		t.Fatal(err)
	}
	writer.act()
	follower.act()
	leaver.stop()
	if reason := u.forbid(size(t, path)); !strings.Contains(reason, "reader behind") {
		t.Errorf("before: %q", reason)
	}
	if u.refresh(); u.forbid(size(t, path)) != "" {
		t.Errorf("after: %q", u.forbid(size(t, path)))
	}
}

func TestALookGrowsOldWhileTheNodeIsRead(t *testing.T) {
	l, path := live(t)
	start(t, "append", path)
	other := l.write(web+"1.log", 3072)
	start(t, "append", other)
	asked := 0
	_, err := LogReclaim{}.Apply(t.Context(), l.node, l.plan(LogReclaim{}, l.bytes(all)), Run{
		Missing: func(context.Context) (int64, error) {
			if asked++; asked == 2 {
				start(t, "plain", path)
			}
			return 1, nil
		},
		Removed: func(Item, headroom.Amount) {},
	})
	if err != nil || size(t, other) != 0 || size(t, path) == 0 {
		t.Errorf("%d and %d bytes are left: %v", size(t, other), size(t, path), err)
	}
}

func TestRotatedFilesGoBeforeLiveOnesAreTruncated(t *testing.T) {
	l, path := live(t)
	start(t, "append", path)
	other := l.write(web+"1.log", 3072)
	start(t, "append", other)
	l.write(web+monday, 4)
	l.write(web+wednesday, 4)
	for _, tc := range []struct {
		need Need
		want []string
	}{
		{l.bytes(4 << 10), []string{"remove " + web + monday}},
		{l.bytes(5 << 10), []string{"remove " + web + monday, "truncate " + web + "1.log"}},
		{l.bytes(all), []string{"remove " + web + monday, "truncate " + web + "1.log", "truncate " + web + "0.log"}},
		{l.inodes(all), []string{"remove " + web + monday}}, // truncation frees none
	} {
		plan := l.plan(LogReclaim{}, tc.need)
		if diff := cmp.Diff(tc.want, l.effects(plan)); diff != "" {
			t.Error(diff)
		}
		if plan.Frees.Inodes != 1 {
			t.Errorf("frees %d inodes", plan.Frees.Inodes)
		}
	}
	l.apply(LogReclaim{}, l.plan(LogReclaim{}, l.bytes(all)), nil)
	if size(t, path)+size(t, other) != 0 {
		t.Error("both should be empty")
	}
}
