package oracle

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// Dice make values that lean to the edges.
type dice struct {
	*rand.Rand
	buf []byte // of the string being made
}

// in reports true n times out of 100.
func (d *dice) in100(n int) bool { return d.IntN(100) < n }

func pick[T any](d *dice, from []T) T { return from[d.IntN(len(from))] }

// amount returns a number of any magnitude, each as likely, and often one beside a
// power of two or where a type ends.
func (d *dice) amount() uint64 {
	n := d.Uint64() >> d.IntN(64)
	switch d.IntN(8) {
	case 0:
		return uint64(1)<<bits.Len64(n>>1) + uint64(d.IntN(3)) - 1
	case 1:
		return pick(d, edges)
	}
	return n
}

// upTo returns an amount that is at most limit, which is positive.
func (d *dice) upTo(limit int64) int64 {
	if n := d.amount(); n <= uint64(limit) {
		return int64(n)
	}
	return d.Int64N(limit)
}

var edges = []uint64{
	0, 1, 2, 9, 10, 19, 20, 99, 100, 101,
	1 << 24, 1<<24 + 1, 1<<53 - 1, 1 << 53, 1<<53 + 1, 1 << 62, 1<<62 + 1,
	math.MaxInt64 - 512, math.MaxInt64 - 511, math.MaxInt64 - 1, math.MaxInt64, 1 << 63, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64,
	10737418400, 107374182400, 1099511627776, 9007199254740993,
}
