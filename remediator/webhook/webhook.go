// Package webhook is where Alertmanager's notifications arrive: who may send
// them (Inspect, Auth), what a notification may look like, and that it is
// answered 202 only once a Sink has made it durable.
//
// How an answer is read decides every status code here. Alertmanager retries a
// 5xx, and takes every 4xx, 429 too, for a verdict: the notification is dropped
// until the group's next interval. So 4xx is for what will never be right,
// whoever repeats it, and whatever may pass (the store, a crowd, a body that
// did not arrive, a token file that cannot be read just now) is 503.
//
// A notification may say that it had no room for some alerts. Those are then
// fetched from Alertmanager, and durable before the 202 like the others; where
// that fails now and may succeed later the answer is 503, and the notification
// comes again with its alerts. All of it has ten seconds, of which fetching may
// take five: Alertmanager waits at least ten, and takes silence for a 503. Where
// it can never succeed, or nobody said where Alertmanager is, they are counted,
// logged and lost.
package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/nodeheadroom/headroom/remediator/alertmanager"
)

// Path is where notifications are posted.
const Path = "/api/v1/alerts"

// sinkTimeout is how long a delivery may take to become durable.
const sinkTimeout = 10 * time.Second

// A Delivery is a notification as it was understood.
type Delivery struct {
	Alerts []Alert
	// Invalid counts alerts of the notification that were malformed or too
	// large to keep, and are not in Alerts.
	Invalid int
}

// A Sink makes alerts durable, or says why it cannot.
type Sink interface {
	// Receive returns nil once whatever it keeps of d would survive a crash;
	// what does not concern it, it drops and counts. After an error the sender
	// is told to try again, so the same alerts may come again, as they may
	// after a success. It is called from many goroutines, and ctx ends after
	// ten seconds, but not because the sender hung up.
	Receive(ctx context.Context, d Delivery) error
}

// A Handler answers Alertmanager at Path. It can be used from many goroutines.
type Handler struct {
	sink        Sink
	auth        *Auth
	logger      *slog.Logger
	bodies      *semaphore.Weighted
	bodyTimeout time.Duration
	sinkTimeout time.Duration
	source      *alertmanager.Client // nil if nobody said where
	turns       *turns               // of fetching from it
	complaints  complaints
	requests    *prometheus.CounterVec
	fetches     *prometheus.CounterVec
	truncated   prometheus.Counter
}

// New returns a handler and registers its metrics. Alerts that a notification
// leaves out are fetched from source, and left out if that is nil.
func New(sink Sink, auth *Auth, source *alertmanager.Client, logger *slog.Logger, registerer prometheus.Registerer) *Handler {
	h := &Handler{
		sink:        sink,
		auth:        auth,
		logger:      logger,
		bodies:      semaphore.NewWeighted(maxBodies),
		bodyTimeout: bodyTimeout,
		sinkTimeout: sinkTimeout,
		source:      source,
		turns:       newTurns(),
		fetches:     newFetches(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headroom_remediation_webhook_requests_total",
			Help: "Webhook requests by status code. Those that the web configuration turned away never got here.",
		}, []string{"code"}),
		truncated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "headroom_remediation_truncated_alerts_total",
			Help: "Alerts that Alertmanager left out of a notification because of max_alerts, and that were not fetched from it either.",
		}),
	}
	for _, code := range codes {
		h.requests.WithLabelValues(strconv.Itoa(code))
	}
	registerer.MustRegister(h.requests, h.truncated, h.fetches)
	return h
}

// ServeHTTP answers 202 once the alerts are durable, and otherwise with one
// line that names the field, its value and what to do.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.receive(w, r); err != nil {
		h.refuse(w, r, err)
		return
	}
	h.requests.WithLabelValues(strconv.Itoa(http.StatusAccepted)).Inc()
	w.WriteHeader(http.StatusAccepted)
}

// receive takes a request from its credentials to the sink; each step costs
// more than the one before.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request) error {
	if err := h.auth.admit(r); err != nil {
		return err
	}
	if err := checkHead(r); err != nil {
		return err
	}
	weight := max(r.ContentLength, minWeight)
	if r.ContentLength < 0 {
		weight = maxBody
	}
	if !h.bodies.TryAcquire(weight) {
		return refuse(http.StatusServiceUnavailable, "%d MiB of notifications are being received already: try again", maxBodies>>20)
	}
	defer h.bodies.Release(weight)
	body, err := h.read(w, r)
	if err != nil {
		return err
	}
	n, err := decode(body)
	if err != nil {
		return err
	}
	return h.deliver(r, n)
}

// deliver hands what is well-formed of n to the sink, and what n left out.
func (h *Handler) deliver(r *http.Request, n *notification) error {
	// A sender that gives up makes no alert less true: what has arrived whole
	// is kept.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.sinkTimeout)
	defer cancel()
	if err := h.sink.Receive(ctx, Delivery{Alerts: n.alerts, Invalid: len(n.invalid)}); err != nil {
		return &refusal{code: http.StatusServiceUnavailable, problem: "not stored: try again", cause: err}
	}
	completed, err := h.complete(ctx, n)
	if err != nil {
		return err
	}
	if completed {
		n.truncated = 0
	}
	// Not before: a notification that is answered 503 comes again.
	h.truncated.Add(float64(n.truncated))
	if len(n.alerts) == 0 {
		return refuse(http.StatusBadRequest, "%v", n.invalid[0])
	}
	h.report(n)
	return nil
}

// report logs what a notification that was stored left out.
func (h *Handler) report(n *notification) {
	log := h.logger.With("receiver", shorten(n.receiver), "group_key", shorten(n.groupKey))
	log.Debug("alerts received", "alerts", len(n.alerts))
	if len(n.invalid) > 0 {
		h.complaints.log(log, "malformed alerts ignored", "alerts", len(n.invalid), "err", n.invalid[0])
	}
	if n.truncated > 0 {
		h.complaints.log(log, "alerts were left out by Alertmanager: raise max_alerts, group by node, or give --alertmanager.url", "alerts", n.truncated)
	}
}
