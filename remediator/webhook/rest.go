package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nodeheadroom/headroom/remediator/alertmanager"
)

const (
	// maxRest bounds how many alerts one answer may list.
	maxRest = 50_000
	// restBatch is how many of them are in memory and handed on at once.
	restBatch = 1_000
)

// What became of asking for the rest of a group; the values of a metric's label.
const (
	fetched     = "fetched"
	unavailable = "unavailable" // nothing was answered, or not all: the notification was answered 503
	unusable    = "unusable"    // asking again would bring the same: the notification was answered 202
)

func newFetches() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "headroom_remediation_truncated_fetches_total",
		Help: "Times Alertmanager was asked for the alerts it had left out of a notification, by outcome.",
	}, []string{"outcome"})
	for _, outcome := range []string{fetched, unavailable, unusable} {
		c.WithLabelValues(outcome)
	}
	return c
}

// complete makes the alerts durable that n had no room for. It says whether they
// are; if not, they are to be counted as left out.
//
// An error means that they may be had another time, so that the notification is
// to be answered 503 and comes again: what it did bring is durable by then, and
// doing so twice does no harm. Where another time would bring the same, the
// notification would come again and again for nothing, so that is no error.
func (h *Handler) complete(ctx context.Context, n *notification) (done bool, err error) {
	if n.truncated == 0 || h.source == nil {
		return false, nil
	}
	err = h.turns.do(ctx, n.receiver, func() error { return h.fetch(ctx, n.receiver) })
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, alertmanager.ErrUnusable):
		h.complaints.log(h.logger, "alerts that Alertmanager left out cannot be fetched from it", "receiver", shorten(n.receiver), "err", err)
		return false, nil
	}
	return false, &refusal{code: http.StatusServiceUnavailable, problem: "the alerts that were left out could not be fetched: try again", cause: err}
}

// fetch hands all active alerts of a receiver to the sink. Those that came with
// the notification are among them; so may be others, of which another
// notification will tell.
func (h *Handler) fetch(ctx context.Context, receiver string) error {
	err := h.fetchAll(ctx, receiver)
	outcome := fetched
	switch {
	case errors.Is(err, alertmanager.ErrUnusable):
		outcome = unusable
	case err != nil:
		outcome = unavailable
	}
	h.fetches.WithLabelValues(outcome).Inc()
	if err != nil {
		return fmt.Errorf("fetch alerts: %w", err)
	}
	return nil
}

func (h *Handler) fetchAll(ctx context.Context, receiver string) error {
	body, err := h.source.Alerts(ctx, receiver)
	if err != nil {
		return err
	}
	defer body.Close()
	var d Delivery
	err = readActive(body, func(a Alert, invalid error) error {
		if invalid != nil {
			d.Invalid++
			h.complaints.log(h.logger, "malformed alerts ignored", "err", invalid)
			return nil
		}
		if d.Alerts = append(d.Alerts, a); len(d.Alerts) < restBatch {
			return nil
		}
		full := d
		d = Delivery{}
		return h.sink.Receive(ctx, full)
	})
	if err != nil || len(d.Alerts) == 0 && d.Invalid == 0 {
		return err
	}
	return h.sink.Receive(ctx, d)
}

// readActive calls each for every active alert of a list as GET /api/v2/alerts
// answers, or with what is wrong with it:
//
//	[{"labels":{"node":"n1",…},"annotations":{…},"startsAt":"2026-01-02T03:04:05.000Z","endsAt":…,"updatedAt":…,
//	  "fingerprint":"20ac1026db6ba8d2","status":{"state":"active","inhibitedBy":[],"silencedBy":[],…},"receivers":[…]},…]
func readActive(body io.Reader, each func(a Alert, invalid error) error) error {
	list := json.NewDecoder(body)
	if err := bracket(list, '['); err != nil {
		return err
	}
	for i := 0; list.More(); i++ {
		if i == maxRest {
			return fmt.Errorf("more than %d alerts: %w", maxRest, alertmanager.ErrUnusable)
		}
		var raw json.RawMessage
		if err := list.Decode(&raw); err != nil {
			return notJSON(err)
		}
		a, active, err := readListed(raw)
		if err != nil {
			err = fmt.Errorf("[%d]: %w", i, err)
		} else if !active {
			continue
		}
		if err := each(a, err); err != nil {
			return err
		}
	}
	return bracket(list, ']')
}

func bracket(list *json.Decoder, want json.Delim) error {
	token, err := list.Token()
	if err != nil {
		return notJSON(err)
	}
	if token != want {
		return fmt.Errorf("answer: %s: must be a list of alerts: %w", quote(fmt.Sprint(token)), alertmanager.ErrUnusable)
	}
	return nil
}

// notJSON tells what will never be JSON from what ended early.
func notJSON(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("answer: %s: %w", jsonProblem(err), alertmanager.ErrUnusable)
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// readListed reads one alert of such a list.
func readListed(raw []byte) (a Alert, active bool, err error) {
	var l struct {
		identity
		Status struct {
			State string `json:"state"`
		} `json:"status"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return Alert{}, false, alertProblem(raw, err)
	}
	switch l.Status.State {
	case "active", "unprocessed":
		a, err = l.alert(raw)
		a.Firing = true
		return a, true, err
	case "suppressed":
		return Alert{}, false, nil
	}
	return Alert{}, false, fmt.Errorf("status.state: %s: must be active, suppressed or unprocessed", strconv.Quote(shorten(l.Status.State)))
}
