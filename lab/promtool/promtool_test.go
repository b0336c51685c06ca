package promtool

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const rules = `groups:
  - name: headroom-fast
    rules:
      - {alert: Below, expr: level < 5, for: 20s}
      - {alert: Empty, expr: level == 0}
`

func TestAnAlertHasFiredWhenItsTimeOfPendingIsOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	for sentence, c := range map[string]struct {
		values string
		end    time.Duration
		want   map[string]time.Duration
	}{
		"nothing fires":                       {"7x20", 200 * time.Second, nil},
		"an alert is pending and then fires":  {"7x9 4x20", 200 * time.Second, map[string]time.Duration{"Below": 120 * time.Second}},
		"two alerts fire, each at its time":   {"7x9 4x4 0x20", 200 * time.Second, map[string]time.Duration{"Below": 120 * time.Second, "Empty": 150 * time.Second}},
		"what comes after the end is no news": {"7x9 4x4 0x20", 140 * time.Second, map[string]time.Duration{"Below": 120 * time.Second}},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := Play{Rules: file, Evaluate: 5 * time.Second, Interval: 10 * time.Second, Series: []Series{{`level{node="n"}`, c.values}}}
			fired, err := p.Fired(t.Context(), c.end)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, fired); diff != "" {
				t.Errorf("fired (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPromtoolsRefusalIsAnError(t *testing.T) {
	p := Play{Rules: "absent.yaml", Evaluate: time.Second, Interval: time.Second}
	if _, err := p.Fired(t.Context(), time.Minute); err == nil {
		t.Error("rules that do not exist are played to")
	}
}
