package remedy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	headroom "github.com/nodeheadroom/headroom"
)

// A harvest is the sorted list of all files, cut where the need is covered.
func TestHarvestIsTheLeastThatSuffices(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := &root{path: "/logs"}
	for round := range 300 {
		unit := []headroom.Unit{headroom.Bytes, headroom.Inodes}[round%2]
		h := &harvest{unit: unit, need: random.Int64N(3000), most: 1 + random.IntN(60)}
		folders := []*folder{{root: r, path: "b"}, {root: r, path: "a"}, {root: r, path: "a"}}
		var files []file
		for i := range random.IntN(80) {
			f := file{in: folders[random.IntN(3)], name: fmt.Sprint(i), ino: uint64(random.IntN(99))}
			f.frees = headroom.Amount{Bytes: 10 * random.Int64N(10), Inodes: 1}
			files = append(files, f)
			h.add(f)
		}
		slices.SortFunc(files, before(unit))
		var want []file
		for total := int64(0); len(files) > 0 && len(want) < h.most && total < h.need && files[0].frees.In(unit) > 0; files = files[1:] {
			want = append(want, files[0])
			total += files[0].frees.In(unit)
		}
		if got := h.sorted(); !slices.Equal(got, want) {
			t.Fatalf("round %d: need %d, most %d: %d files, want %d", round, h.need, h.most, len(got), len(want))
		}
	}
}

func TestPlansNeighboursShareAFolder(t *testing.T) {
	l := newLogs(t)
	for i := range 40 {
		l.write(fmt.Sprintf("shop_web-%d_1/web/0.log.20261101-%06d", i%4, i), 4)
	}
	changes := 0
	plan := l.plan(with(t, func(s *logSettings) { s.Keep = 0 }), l.inodes(all))
	for i := range plan.Items[1:] {
		if plan.Items[i].file.in != plan.Items[i+1].file.in {
			changes++
		}
	}
	if len(plan.Items) != 40 || changes != 3 {
		t.Errorf("%d items change folders %d times", len(plan.Items), changes)
	}
}

func TestANoteIsOneShortLineWhateverARuntimeSays(t *testing.T) {
	var n notes
	n.add("remove: \x1b[31mdone\nleft alone: nothing", "x")
	n.add("remove: "+strings.Repeat("é", 1<<20), strings.Repeat("y", 1<<20))
	for _, line := range n.list() {
		if len(line) > 3*maxNote || strings.ContainsAny(line, "\n\x1b") || !utf8.ValidString(line) {
			t.Errorf("%d bytes: %.99q", len(line), line)
		}
	}
}

func TestNotesAreFewWhateverThereIs(t *testing.T) {
	var n notes
	for i := range 1000 {
		n.add(fmt.Sprint("reason ", i), "x")
		n.add("the same", fmt.Sprint("file ", i))
	}
	lines := n.list()
	if len(lines) != maxReasons+1 {
		t.Errorf("%d lines", len(lines))
	}
	noted(t, lines, "left alone: file 0 and 999 more: the same")
	noted(t, lines, "other reasons")
}
