package main

import "time"

// A result is what became of one play. Amounts are in the row's unit, bytes or
// inodes; seconds count from the beginning of the fill unless said otherwise.
type result struct {
	Row  string `json:"row"`
	With bool   `json:"with"` // the remediator
	Play int    `json:"play"` // 1, 2, 3

	Revision   string    `json:"revision"`   // of the repository, for people
	Took       string    `json:"took"`       // hash of all that took part of the product
	Parameters string    `json:"parameters"` // hash of the row's
	Began      time.Time `json:"began"`      // the fill

	Unit      string  `json:"unit"`
	Capacity  int64   `json:"capacity"`
	Threshold int64   `json:"threshold"` // the kubelet's
	Available int64   `json:"available"` // when the fill began
	Least     float64 `json:"least"`     // headroom ratio, at its lowest
	Rate      float64 `json:"rate"`      // per second, from the beginning to where the remediator may act
	Fastest   float64 `json:"fastest"`   // that can be met

	Pressure   bool     `json:"pressure"`             // DiskPressure, at any time
	PressureAt *float64 `json:"pressureAt,omitempty"` // seconds
	Bystanders int      `json:"bystanders"`
	Lost       []loss   `json:"lost,omitempty"`     // of them
	Offender   []loss   `json:"offender,omitempty"` // the same of its pods
	Alert      string   `json:"alert,omitempty"`    // the first that fired
	AlertAt    *float64 `json:"alertAt,omitempty"`  // seconds
	// Room is how many seconds after the first alert headroom was back above
	// where the remediator acts; 0 if it was never below, nil if it never came back.
	Room *float64 `json:"room,omitempty"`
	Harm harm     `json:"harm"`
	Acts []act    `json:"acts,omitempty"` // by the remediator, of its own record

	Notes []string `json:"notes,omitempty"` // what a reader of the result should know
}

// A loss is a pod that did not come through unharmed.
type loss struct {
	Pod   string  `json:"pod"`
	Cause string  `json:"cause"`
	At    float64 `json:"at"` // seconds
}

// harm is what was lost besides.
type harm struct {
	Pulls      int   `json:"pulls"`      // of images that a pod wanted and that had been there
	Bystanders int64 `json:"bystanders"` // bytes of their logs that nobody can read any more
	Offender   int64 `json:"offender"`   // the same of the offender's
}

// An act is a rung that was climbed.
type act struct {
	Remedy  string  `json:"remedy"`
	Outcome string  `json:"outcome"`
	Bytes   int64   `json:"bytes"` // removed, as the remediator says
	Inodes  int64   `json:"inodes"`
	At      float64 `json:"at"` // seconds
}

// key is what a result is the newest of.
type key struct {
	row  string
	with bool
	play int
}

func (r *result) key() key { return key{r.Row, r.With, r.Play} }

// did reports whether the remediator has removed anything, or may have.
func (a act) did() bool { return a.Bytes > 0 || a.Inodes > 0 || a.Outcome == "interrupted" }
