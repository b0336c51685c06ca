package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nodeheadroom/headroom/remediator/alertmanager"
)

// A memory is a Sink that keeps everything, or fails with err.
type memory struct {
	mu      sync.Mutex
	err     error
	calls   int
	invalid int
	alerts  []Alert
}

func (m *memory) Receive(_ context.Context, d Delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.err != nil {
		return m.err
	}
	m.alerts = append(m.alerts, d.Alerts...)
	m.invalid += d.Invalid
	return nil
}

func (m *memory) received() []Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alerts
}

// serve starts a handler without authentication behind a real server.
func serve(t *testing.T, s Sink) (*Handler, string, *prometheus.Registry) {
	t.Helper()
	return serveFrom(t, s, nil)
}

// serveFrom is serve with an Alertmanager to ask for what is left out.
func serveFrom(t *testing.T, s Sink, source *alertmanager.Client) (*Handler, string, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	h := New(s, &Auth{kind: None}, source, slog.New(slog.DiscardHandler), registry)
	server := httptest.NewServer(mounted(h))
	t.Cleanup(server.Close)
	return h, server.URL + Path, registry
}

func mounted(h *Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount(Path, h)
	return r
}

func post(t *testing.T, url, body string) (code int, answer string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return answered(t, response)
}

func answered(t *testing.T, response *http.Response) (code int, answer string) {
	t.Helper()
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSuffix(string(b), "\n")
}

// group is a notification with these alerts.
func group(alerts ...string) string {
	return `{"receiver":"r","version":"4","groupKey":"{}:{}","alerts":[` + strings.Join(alerts, ",") + `]}`
}

// alert is a firing alert with these labels, given as name, value, name, value.
func alert(labels ...string) string {
	set := make(map[string]string)
	for i := 0; i < len(labels); i += 2 {
		set[labels[i]] = labels[i+1]
	}
	b, err := json.Marshal(map[string]any{"status": "firing", "labels": set, "startsAt": "2026-01-02T03:04:05Z", "fingerprint": "00000000000000aa"})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestWhatCanNeverBeValidIsRefusedByNameAndNeverReachesTheSink(t *testing.T) {
	for sentence, c := range map[string]struct {
		body   string
		code   int
		answer string
	}{
		"an empty body is not JSON":                  {"", 400, `body: "": not JSON: unexpected end of JSON input at byte 0`},
		"text is not JSON":                           {"hello", 400, `body: "hello": not JSON: invalid character 'h' looking for beginning of value at byte 1`},
		"half a body is not JSON":                    {`{"version":"4","alerts":[`, 400, `body: "{\"version\":\"4\",\"alerts\":[": not JSON: unexpected end of JSON input at byte 25`},
		"two bodies are not one":                     {group(alert()) + "{}", 400, ""},
		"null says nothing":                          {"null", 400, `version: missing: must be "4", that of Alertmanager's webhook`},
		"a list is no notification":                  {`[]`, 400, `body: "[]": must be an object, not array`},
		"nothing is no notification":                 {`{}`, 400, `version: missing: must be "4", that of Alertmanager's webhook`},
		"another version is refused":                 {`{"version":"5","alerts":[{}]}`, 400, `version: "5": must be "4"`},
		"no version is refused":                      {`{"alerts":[{}]}`, 400, `version: missing: must be "4", that of Alertmanager's webhook`},
		"a number is no version":                     {`{"version":4}`, 400, `body: "{\"version\":4}": version: must be string, not number`},
		"a version and nothing else is refused":      {`{"version":"4"}`, 400, "alerts: missing: must be a list of alerts"},
		"alerts must be there":                       {`{"version":"4","alerts":null}`, 400, "alerts: missing: must be a list of alerts"},
		"alerts must be a list":                      {`{"version":"4","alerts":{"a":1}}`, 400, `alerts: "{\"a\":1}": must be a list of alerts`},
		"a notification has alerts":                  {`{"version":"4","alerts":[]}`, 400, "alerts: []: must have at least one alert"},
		"an alert is an object":                      {group(`7`), 400, `alerts[0]: "7": must be an object, not number`},
		"an alert fires or is resolved":              {group(`{}`), 400, `alerts[0]: status: "": must be firing or resolved`},
		"a status is one of two":                     {group(`{"status":"pending"}`), 400, `alerts[0]: status: "pending": must be firing or resolved`},
		"labels are strings":                         {group(`{"status":"firing","labels":{"node":5}}`), 400, `alerts[0]: labels: must be string, not number`},
		"an alert has begun at some time":            {group(`{"status":"firing"}`), 400, "alerts[0]: startsAt: missing: it is a part of the alert's identity"},
		"a time is a time":                           {group(`{"status":"firing","startsAt":"yesterday"}`), 400, `alerts[0]: startsAt: "\"yesterday\"": must be a time such as 2006-01-02T15:04:05Z`},
		"a time can be written down again":           {group(`{"status":"firing","startsAt":"9999-12-31T23:59:59-23:59"}`), 400, `alerts[0]: startsAt: "10000-01-01 23:58:59 +0000 UTC": must be between the years 1970 and 9999`},
		"a fingerprint is no path":                   {group(`{"status":"firing","startsAt":"2026-01-02T03:04:05Z","fingerprint":"../../etc"}`), 400, `alerts[0]: fingerprint: "../../etc": must be at most 64 letters and digits`},
		"labels of 64 KiB are not kept":              {group(alert("alertname", "Big", "node", strings.Repeat("n", 64<<10))), 400, `alerts[0]: labels: 65552 bytes for "Big": at most 4096`},
		"many small labels are not kept either":      {group(manyLabels(1000)), 400, `alerts[0]: labels: 4890 bytes for "": at most 4096`},
		"a label has a name":                         {group(alert("", "v")), 400, `alerts[0]: labels: "v": the label has no name`},
		"labels are UTF-8":                           {group(strings.Replace(alert("alertname", "X", "node", "?"), "?", "\xff", 1)), 400, `alerts[0]: labels: "X": must be valid UTF-8`},
		"truncated alerts cannot be fewer than none": {`{"version":"4","truncatedAlerts":-1,"alerts":[]}`, 400, ""},
		"10 MiB are not read":                        {group(alert("node", strings.Repeat("n", 10<<20))), 413, ""},
		"three bytes an alert do not fill memory":    {group(strings.Repeat("{},", 1<<20) + "{}"), 413, "alerts: more than 10000: set max_alerts in Alertmanager's webhook_config, or group by more labels"},
	} {
		t.Run(sentence, func(t *testing.T) {
			var kept memory
			_, url, registry := serve(t, &kept)
			code, answer := post(t, url, c.body)
			if code != c.code || c.answer != "" && answer != c.answer {
				t.Errorf("got  %d %s\nwant %d %s", code, answer, c.code, c.answer)
			}
			if len(answer) > 400 || strings.Contains(answer, "\n") {
				t.Errorf("an answer is one short line, not %d bytes: %q", len(answer), answer)
			}
			if n := kept.received(); len(n) != 0 {
				t.Errorf("the sink got %v", n)
			}
			if got := counted(t, registry, c.code); got != 1 {
				t.Errorf("%d was counted %v times, not once", c.code, got)
			}
		})
	}
}

func manyLabels(n int) string {
	labels := make([]string, 0, 2*n)
	for i := range n {
		labels = append(labels, fmt.Sprintf("l%d", i), "v")
	}
	return alert(labels...)
}

// counted reads the counter of one status code.
func counted(t *testing.T, registry *prometheus.Registry, code int) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if len(m.Label) == 1 && m.Label[0].GetValue() == fmt.Sprint(code) {
				return m.Counter.GetValue()
			}
		}
	}
	t.Fatalf("no series for code %d", code)
	return 0
}

func TestTheRequestItselfIsCheckedFirst(t *testing.T) {
	for sentence, c := range map[string]struct {
		method, path string
		header       map[string]string
		code         int
		answer       string
		answerHeader string
	}{
		"reading is not posting":    {method: "GET", code: 405, answer: `method: "GET": must be POST`, answerHeader: "Allow"},
		"a form is not JSON":        {header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, code: 415, answer: `Content-Type: "application/x-www-form-urlencoded": must be application/json`},
		"a type must be given":      {header: map[string]string{"Content-Type": ""}, code: 415, answer: `Content-Type: "": must be application/json`},
		"a charset does not matter": {header: map[string]string{"Content-Type": "application/json; charset=utf-8"}, code: 202},
		"an encoded body is not":    {header: map[string]string{"Content-Encoding": "gzip"}, code: 415, answer: `Content-Encoding: "gzip": must not be encoded`},
		"the path ends there":       {path: "/../../x", code: 404, answer: `path: "/api/v1/alerts/../../x": must be /api/v1/alerts`},
		"a proxy hides the sender":  {header: map[string]string{"X-Forwarded-For": "192.0.2.1"}, code: 403},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, url, _ := serve(t, &memory{})
			if c.method == "" {
				c.method = http.MethodPost
			}
			r, err := http.NewRequest(c.method, url+c.path, strings.NewReader(group(alert())))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			code, answer := answered(t, response)
			if code != c.code || c.answer != "" && answer != c.answer {
				t.Errorf("got  %d %s\nwant %d %s", code, answer, c.code, c.answer)
			}
			if c.answerHeader != "" && response.Header.Get(c.answerHeader) == "" {
				t.Errorf("header %s is missing", c.answerHeader)
			}
		})
	}
}

func TestOneMalformedAlertSpoilsNoOther(t *testing.T) {
	var kept memory
	_, url, _ := serve(t, &kept)
	body := group(
		alert("node", "n1"),
		`{"status":"firing","startsAt":"yesterday"}`,
		`{"status":"firing","labels":[]}`,
		alert("node", strings.Repeat("n", 64<<10)),
		`null`,
		alert(),
		alert("node", "../../etc/shadow", "signal", "$(reboot)"),
		strings.Replace(alert("node", "n2"), "firing", "resolved", 1),
	)
	if code, answer := post(t, url, body); code != 202 {
		t.Fatalf("got %d %s", code, answer)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []Alert{
		{Firing: true, Labels: map[string]string{"node": "n1"}, StartsAt: at, Fingerprint: "00000000000000aa"},
		{Firing: true, Labels: map[string]string{}, StartsAt: at, Fingerprint: "00000000000000aa"},
		{Firing: true, Labels: map[string]string{"node": "../../etc/shadow", "signal": "$(reboot)"}, StartsAt: at, Fingerprint: "00000000000000aa"},
		{Firing: false, Labels: map[string]string{"node": "n2"}, StartsAt: at, Fingerprint: "00000000000000aa"},
	}
	if diff := cmp.Diff(want, kept.received()); diff != "" {
		t.Error(diff)
	}
	if kept.invalid != 4 {
		t.Errorf("%d alerts were counted as malformed, not 4", kept.invalid)
	}
}

func TestWhatIsNotStoredIsAskedForAgain(t *testing.T) {
	kept := memory{err: errors.New("disk full at /secret/place")}
	_, url, registry := serve(t, &kept)
	response, err := http.Post(url, "application/json", strings.NewReader(strings.Replace(group(alert()), "{", `{"truncatedAlerts":3,`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	code, answer := answered(t, response)
	if code != 503 || answer != "not stored: try again" || response.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %q, Retry-After %q", code, answer, response.Header.Get("Retry-After"))
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
		# HELP headroom_remediation_truncated_alerts_total Alerts that Alertmanager left out of a notification because of max_alerts, and that were not fetched from it either.
		# TYPE headroom_remediation_truncated_alerts_total counter
		headroom_remediation_truncated_alerts_total 0
		# HELP headroom_remediation_truncated_fetches_total Times Alertmanager was asked for the alerts it had left out of a notification, by outcome.
		# TYPE headroom_remediation_truncated_fetches_total counter
		headroom_remediation_truncated_fetches_total{outcome="fetched"} 0
		headroom_remediation_truncated_fetches_total{outcome="unavailable"} 0
		headroom_remediation_truncated_fetches_total{outcome="unusable"} 0
		# HELP headroom_remediation_webhook_requests_total Webhook requests by status code. Those that the web configuration turned away never got here.
		# TYPE headroom_remediation_webhook_requests_total counter
		headroom_remediation_webhook_requests_total{code="202"} 0
		headroom_remediation_webhook_requests_total{code="400"} 0
		headroom_remediation_webhook_requests_total{code="401"} 0
		headroom_remediation_webhook_requests_total{code="403"} 0
		headroom_remediation_webhook_requests_total{code="404"} 0
		headroom_remediation_webhook_requests_total{code="405"} 0
		headroom_remediation_webhook_requests_total{code="413"} 0
		headroom_remediation_webhook_requests_total{code="415"} 0
		headroom_remediation_webhook_requests_total{code="503"} 1
	`)); err != nil {
		t.Error(err)
	}
}

func TestASinkThatHangsIsGivenUp(t *testing.T) {
	h, url, _ := serve(t, hang{})
	h.sinkTimeout = time.Millisecond
	if code, answer := post(t, url, group(alert())); code != 503 {
		t.Errorf("got %d %s", code, answer)
	}
}

type hang struct{}

func (hang) Receive(ctx context.Context, _ Delivery) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestTheSameGroupAHundredTimesIsAcceptedAHundredTimes(t *testing.T) {
	var kept memory
	_, url, _ := serve(t, &kept)
	for range 100 {
		if code, answer := post(t, url, group(alert("node", "n1"))); code != 202 {
			t.Fatalf("got %d %s", code, answer)
		}
	}
	if n := len(kept.received()); n != 100 {
		t.Errorf("the sink, which knows duplicates, got %d of 100", n)
	}
}
