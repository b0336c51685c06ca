package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/nodeheadroom/headroom/remediator/alertmanager"
)

// asked is an Alertmanager that gives this answer.
func asked(t testing.TB, answer http.HandlerFunc) *alertmanager.Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := alertmanager.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, answer) }
}

// listed is an alert of a node as Alertmanager's API has it.
func listed(node, state string) string {
	return fmt.Sprintf(`{"annotations":{"summary":"x"},"endsAt":"2026-01-02T04:00:00.000Z","fingerprint":"00000000000000aa","receivers":[{"name":"r"}],
		"startsAt":"2026-01-02T03:04:05.000Z","status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":%q},"updatedAt":"2026-01-02T03:05:00.000Z",
		"generatorURL":"http://prometheus","labels":{"alertname":"X","node":%q}}`, state, node)
}

// cut is a notification of n1 that leaves n alerts out.
func cut(n int) string {
	return strings.Replace(group(alert("alertname", "X", "node", "n1")), "{", fmt.Sprintf(`{"truncatedAlerts":%d,`, n), 1)
}

func nodes(alerts []Alert) (names []string) {
	for _, a := range alerts {
		names = append(names, a.Labels["node"])
	}
	return names
}

func TestTheRestOfAGroupIsStoredOrCountedBeforeTheAnswer(t *testing.T) {
	many := make([]string, 2*restBatch+1)
	for i := range many {
		many[i] = listed(fmt.Sprint("n", i), "active")
	}
	for sentence, c := range map[string]struct {
		answer  http.HandlerFunc
		code    int
		nodes   []string // stored, beside n1 that came with the notification
		invalid int
		outcome string
		left    float64 // counted as left out
	}{
		"what is active is stored": {
			says("[" + listed("n1", "active") + "," + listed("n2", "active") + "," + listed("n3", "unprocessed") + "]"),
			202, []string{"n1", "n2", "n3"}, 0, fetched, 0},
		"what is silenced is not":        {says("[" + listed("n2", "suppressed") + "]"), 202, nil, 0, fetched, 0},
		"nothing is active any more":     {says("[]"), 202, nil, 0, fetched, 0},
		"more than is handed on at once": {says("[" + strings.Join(many, ",") + "]"), 202, nodesOf(len(many)), 0, fetched, 0},
		"one that is malformed spoils no other": {
			says(`[{}, 7, ` + listed("n2", "active") + `, ` + listed("n3", "new") + `,` + strings.Replace(listed("n4", "active"), "00000000000000aa", "../x", 1) + `]`),
			202, []string{"n2"}, 4, fetched, 0},
		"an answer cut short comes again":   {says("[" + listed("n2", "active") + ","), 503, nil, 0, unavailable, 0},
		"an answer that is nothing":         {says(""), 503, nil, 0, unavailable, 0},
		"one who is not there now":          {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(502) }, 503, nil, 0, unavailable, 0},
		"who refuses now will refuse again": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }, 202, nil, 0, unusable, 5},
		"a page for people":                 {says("<html>"), 202, nil, 0, unusable, 5},
		"another list":                      {says("{}"), 202, nil, 0, unusable, 5},
		"null":                              {says("null"), 202, nil, 0, unusable, 5},
		"an end that is none":               {says("[}"), 202, nil, 0, unusable, 5},
		"a list without end":                {says("[" + strings.Repeat("{},", maxRest) + "{}]"), 202, nil, maxRest, unusable, 5},
	} {
		t.Run(sentence, func(t *testing.T) {
			var kept memory
			h, url, _ := serveFrom(t, &kept, asked(t, c.answer))
			if code, answer := post(t, url, cut(5)); code != c.code || code == 503 && answer != "the alerts that were left out could not be fetched: try again" {
				t.Errorf("answered %d %s, want %d", code, answer, c.code)
			}
			if diff := cmp.Diff(append([]string{"n1"}, c.nodes...), nodes(kept.received())); diff != "" {
				t.Error(diff)
			}
			for _, a := range kept.received() {
				if !a.Firing || a.StartsAt.IsZero() || a.Fingerprint != "00000000000000aa" || a.Labels["alertname"] != "X" {
					t.Fatalf("stored %+v", a)
				}
			}
			if c.outcome == fetched && kept.invalid != c.invalid {
				t.Errorf("%d are malformed, want %d", kept.invalid, c.invalid)
			}
			if got := testutil.ToFloat64(h.truncated); got != c.left {
				t.Errorf("%v are counted as left out, want %v", got, c.left)
			}
			for _, outcome := range []string{fetched, unavailable, unusable} {
				want := 0.0
				if outcome == c.outcome {
					want = 1
				}
				if got := testutil.ToFloat64(h.fetches.WithLabelValues(outcome)); got != want {
					t.Errorf("%s: %v, want %v", outcome, got, want)
				}
			}
		})
	}
}

func nodesOf(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("n", i))
	}
	return names
}

func TestNobodyIsAskedWhereNothingIsLeftOut(t *testing.T) {
	var kept memory
	_, url, _ := serveFrom(t, &kept, asked(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	if code, answer := post(t, url, group(alert("node", "n1"))); code != 202 {
		t.Errorf("answered %d %s", code, answer)
	}
}

func TestWithoutAnAlertmanagerToAskTheRestIsCounted(t *testing.T) {
	var kept memory
	h, url, _ := serve(t, &kept)
	if code, answer := post(t, url, cut(5)); code != 202 {
		t.Errorf("answered %d %s", code, answer)
	}
	if got := testutil.ToFloat64(h.truncated); got != 5 {
		t.Errorf("%v are counted as left out, want 5", got)
	}
}

// A picky sink refuses every alert of one node.
type picky struct {
	memory
	refuses string
}

func (p *picky) Receive(ctx context.Context, d Delivery) error {
	if slices.Contains(nodes(d.Alerts), p.refuses) {
		return errors.New("disk full")
	}
	return p.memory.Receive(ctx, d)
}

// An announcing sink says when it has stored something.
type announcing struct {
	memory
	stored chan struct{}
}

func (a *announcing) Receive(ctx context.Context, d Delivery) error {
	defer func() { a.stored <- struct{}{} }()
	return a.memory.Receive(ctx, d)
}

func TestARestThatCannotBeStoredIsAskedForAgain(t *testing.T) {
	kept := &picky{refuses: "n2"}
	h, url, _ := serveFrom(t, kept, asked(t, says("["+listed("n2", "active")+"]")))
	if code, answer := post(t, url, cut(5)); code != 503 {
		t.Errorf("answered %d %s", code, answer)
	}
	if got := testutil.ToFloat64(h.truncated); got != 0 {
		t.Errorf("%v are counted as left out, although they come again", got)
	}
}

// Alertmanager sends its receiver's name as a pattern.
func TestAReceiverIsAskedForByTheNameItHas(t *testing.T) {
	var got string
	var kept memory
	_, url, _ := serveFrom(t, &kept, asked(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query().Get("receiver")
		io.WriteString(w, "[]")
	}))
	for sent, want := range map[string]string{
		"headroom":                            "headroom",
		regexp.QuoteMeta("team.headroom/a|b"): regexp.QuoteMeta("team.headroom/a|b"),
		regexp.QuoteMeta(`a\.b`):              regexp.QuoteMeta(`a\.b`),
		".*":                                  `\.\*`, // of somebody who does not write patterns
		"a.b":                                 `a\.b`,
		"(":                                   `\(`,
		"(?i)x":                               `\(\?i\)x`,
		"größe":                               "größe",
	} {
		body := strings.Replace(cut(1), `"receiver":"r"`, `"receiver":`+strconv.Quote(sent), 1)
		if code, answer := post(t, url, body); code != 202 || got != want {
			t.Errorf("%s: asked for %s, want %s; answered %d %s", sent, got, want, code, answer)
		}
	}
}

// Whoever comes while one asking runs waits for the next, all together.
func TestManyCutGroupsShareAnAskingAndNoTwoRunAtOnce(t *testing.T) {
	const senders = 20
	var running, askings atomic.Int32
	entered, open := make(chan struct{}, senders), make(chan struct{})
	kept := announcing{stored: make(chan struct{}, 3*senders)}
	h, url, _ := serveFrom(t, &kept, asked(t, func(w http.ResponseWriter, r *http.Request) {
		if running.Add(1) > 1 {
			t.Error("two at once")
		}
		defer running.Add(-1)
		askings.Add(1)
		entered <- struct{}{}
		<-open
		io.WriteString(w, "["+listed("n2", "active")+"]")
	}))
	var wg sync.WaitGroup
	send := func() {
		if code, answer := post(t, url, cut(5)); code != 202 {
			t.Errorf("answered %d %s", code, answer)
		}
	}
	wg.Go(send)
	<-entered
	for range senders - 1 {
		wg.Go(send)
	}
	for range senders { // what came with each notification; all then wait, or are about to
		<-kept.stored
	}
	close(open)
	wg.Wait()
	if n := askings.Load(); n < 2 || n > 3 {
		t.Errorf("asked %d times", n)
	}
	if got := testutil.ToFloat64(h.fetches.WithLabelValues(fetched)); got != float64(askings.Load()) {
		t.Errorf("%v askings were counted, not %d", got, askings.Load())
	}
}

// FuzzActive holds that no answer panics, that an error is told from a list that
// ended well, and that what is kept is within its limits.
func FuzzActive(f *testing.F) {
	whole := "[" + listed("n1", "active") + "," + listed("n2", "suppressed") + "]"
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	for _, answer := range []string{"", "[]", "null", "{}", "[1]", "[{}]", "[}", "[[[[", `[{"status":null}]`, `[{"status":{"state":"active"}}]`} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		n := 0
		err := readActive(bytes.NewReader(answer), func(a Alert, invalid error) error {
			n++
			if invalid != nil {
				return nil
			}
			if err := checkLabels(a.Labels); err != nil || !a.Firing || a.StartsAt.IsZero() || !fingerprint.MatchString(a.Fingerprint) {
				t.Fatalf("%+v: %v", a, err)
			}
			return nil
		})
		var all []json.RawMessage
		whole := json.NewDecoder(bytes.NewReader(answer)).Decode(&all) == nil && all != nil
		if (err == nil) != whole {
			t.Fatalf("%v, of an answer that is a list: %v", err, whole)
		}
		if n > len(all) && err == nil {
			t.Fatalf("%d alerts of %d", n, len(all))
		}
	})
}
