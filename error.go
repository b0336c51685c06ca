package headroom

import "errors"

// What was asked for and cannot be had. Whoever asks is told in words by what
// wraps these; they say what kind of answer it is.
var (
	// ErrNotFound says that there is nothing of the kind: no such case, no such
	// episode, nothing that waits for approval.
	ErrNotFound = errors.New("not found")
	// ErrInvalid says that it can never be right, however often it is asked.
	ErrInvalid = errors.New("invalid")
	// ErrConflict says that a case was saved by somebody else since it was
	// loaded: load it again and look anew.
	ErrConflict = errors.New("the case has changed since it was loaded")
)
