package headroom_test

import (
	"math"
	"testing"

	"github.com/nodeheadroom/headroom"
)

func TestAmountIsReadable(t *testing.T) {
	for _, c := range []struct {
		n    int64
		unit headroom.Unit
		want string
	}{
		{0, headroom.Bytes, "0 B"},
		{1023, headroom.Bytes, "1023 B"},
		{1024, headroom.Bytes, "1.0 KiB"},
		{3 << 29, headroom.Bytes, "1.5 GiB"},
		{-3 << 29, headroom.Bytes, "-1.5 GiB"},
		{100 << 40, headroom.Bytes, "100.0 TiB"},
		{math.MaxInt64, headroom.Bytes, "8.0 EiB"},
		{math.MinInt64, headroom.Bytes, "-8.0 EiB"},
		{6553600, headroom.Inodes, "6553600 inodes"},
		{-7, headroom.PIDs, "-7 pids"},
	} {
		if got := c.unit.Format(c.n); got != c.want {
			t.Errorf("%d %s: %q, want %q", c.n, c.unit, got, c.want)
		}
	}
}
