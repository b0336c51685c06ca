package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// codes are all answers there are, so that each is a series from the start.
var codes = []int{
	http.StatusAccepted,
	http.StatusBadRequest,
	http.StatusUnauthorized,
	http.StatusForbidden,
	http.StatusNotFound,
	http.StatusMethodNotAllowed,
	http.StatusRequestEntityTooLarge,
	http.StatusUnsupportedMediaType,
	http.StatusServiceUnavailable,
}

// A refusal is a request's error with its status code.
type refusal struct {
	code      int
	problem   string // what the sender is told
	challenge string // WWW-Authenticate
	cause     error  // what only the log is told, or nil
}

func (r *refusal) Error() string {
	if r.cause != nil {
		return r.problem + ": " + r.cause.Error()
	}
	return r.problem
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, problem: fmt.Sprintf(format, args...)}
}

// refuse answers with err, counts it and logs it.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var no *refusal
	if !errors.As(err, &no) {
		no = &refusal{code: http.StatusServiceUnavailable, problem: "internal error: try again", cause: err}
	}
	h.requests.WithLabelValues(strconv.Itoa(no.code)).Inc()
	h.complaints.log(h.logger, "webhook refused: "+http.StatusText(no.code), "code", no.code, "err", err, "remote", r.RemoteAddr)
	switch no.code {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", no.challenge)
	}
	http.Error(w, no.problem, no.code)
}

// complaintEvery is how often one complaint may be repeated.
const complaintEvery = 10 * time.Second

// complaints are warnings that strangers can cause at will. Unlimited, they
// would fill the disk this program is there to empty.
type complaints struct {
	mu   sync.Mutex
	last map[string]*complaint
}

type complaint struct {
	at   time.Time
	held int
}

// log writes a warning unless the same message was written a moment ago, and
// says how many were held back since. Messages must come from a small, fixed
// set.
func (c *complaints) log(l *slog.Logger, msg string, args ...any) {
	held, ok := c.due(msg, time.Now())
	if !ok {
		return
	}
	if held > 0 {
		args = append(args, "held_back", held)
	}
	l.Warn(msg, args...)
}

func (c *complaints) due(msg string, now time.Time) (held int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last[msg]
	switch {
	case last == nil:
		if c.last == nil {
			c.last = make(map[string]*complaint)
		}
		c.last[msg] = &complaint{at: now}
		return 0, true
	case now.Sub(last.at) < complaintEvery:
		last.held++
		return 0, false
	}
	held = last.held
	*last = complaint{at: now}
	return held, true
}

// shorten cuts what a sender wrote to a length fit for one line.
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// quote shows a sender's value in an error.
func quote(s string) string { return strconv.Quote(shorten(s)) }
