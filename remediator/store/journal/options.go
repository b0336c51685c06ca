package journal

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// Options of a journal; the zero value is fit for use.
type Options struct {
	// Size of a new file in bytes, DefaultSize if 0. A file that is there
	// already keeps its size. Half of one of its two regions can be alive.
	Size   int64
	Logger *slog.Logger     // nothing is logged if nil
	Now    func() time.Time // names files that are set aside; time.Now if nil

	wrap func(file) file // what tests put between the journal and its file
}

func (o Options) withDefaults() (Options, error) {
	o.Size = cmp.Or(o.Size, DefaultSize)
	if o.Size < MinSize || o.Size > MaxSize {
		return o, fmt.Errorf("size %d: must be within %d and %d bytes", o.Size, MinSize, MaxSize)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.wrap == nil {
		o.wrap = func(f file) file { return f }
	}
	return o, nil
}
