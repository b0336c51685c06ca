package control

import (
	"errors"
	"net/http"

	headroom "github.com/nodeheadroom/headroom"
)

// Why the program could not be asked.
var (
	ErrNotRunning = errors.New("headroom-remediator does not run here")
	ErrForbidden  = errors.New("only root may ask")
	errUnknown    = errors.New("the program and this command are of different versions")
)

// Exit statuses of the commands.
const (
	ExitDone     = 0
	ExitFailed   = 1 // could not be done
	ExitWrong    = 2 // asked wrongly
	ExitNotFound = 3 // there is nothing of the kind
	ExitNotOver  = 4 // run: it waits, or took longer than --timeout
)

// kinds turns errors into the statuses that the server answers with, and these
// into the commands' exit statuses. Whatever is not here is 500, and 1.
var kinds = []struct {
	err    error
	status int
	exit   int
}{
	{headroom.ErrInvalid, http.StatusBadRequest, ExitWrong},
	{headroom.ErrNotFound, http.StatusNotFound, ExitNotFound},
	{headroom.ErrConflict, http.StatusConflict, ExitFailed},
	{ErrForbidden, http.StatusForbidden, ExitFailed},
	{errUnknown, http.StatusNotImplemented, ExitFailed},
}

func statusOf(err error) int {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

// ExitStatus returns what a command exits with that returned err.
func ExitStatus(err error) int {
	if err == nil {
		return ExitDone
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.exit
		}
	}
	return ExitFailed
}

// An Error is what the server answered: in its words, and of its kind.
type Error struct {
	Status  int    `json:"-"`
	Message string `json:"error"`
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the kind of the error, or nil if it is none of those known.
func (e *Error) Unwrap() error {
	for _, k := range kinds {
		if e.Status == k.status {
			return k.err
		}
	}
	return nil
}
