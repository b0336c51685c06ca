package journal

// Everything is written in blocks: a page of the cache, a block of the
// filesystem and at least a sector of the disk.
const block = 4096

// Sizes of a journal's file, in bytes.
const (
	DefaultSize = 8 << 20
	MinSize     = 512 << 10
	MaxSize     = 1 << 30
)

// A layout is where things are in a file of one size, and how large they may
// be. The limits are such that after a snapshot of as much as may live there is
// room for a batch:
//
//	one value   1/16 of a region
//	one batch   1/8
//	what lives  1/2; its snapshot takes less than 4/5
type layout struct {
	size   int64
	region int64
}

func layoutOf(size int64) layout {
	return layout{size: size, region: (size - block) / 2 / block * block}
}

// layoutFor returns the smallest layout of at least size bytes in which live
// bytes may live.
func layoutFor(size, live int64) layout {
	l := layoutOf(size)
	for l.live() < live && l.size < MaxSize {
		l = layoutOf(min(2*l.size, MaxSize))
	}
	return l
}

func (l layout) start(region int) int64 { return block + int64(region)*l.region }

// mark is where a region may say that it is continued in the other one. Records
// end before it.
func (l layout) mark(region int) int64 { return l.start(region) + l.region - block }

func (l layout) value() int64 { return l.region / 16 }
func (l layout) batch() int64 { return l.region / 8 }
func (l layout) live() int64  { return l.region / 2 }

// chunk is the payload at which a record of a snapshot is full: small, so that
// damage costs little of it.
func (l layout) chunk() int64 { return min(64<<10, l.region/16) }

// blocks rounds n up to whole blocks.
func blocks(n int64) int64 { return (n + block - 1) / block * block }
