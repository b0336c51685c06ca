package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"
)

// maxLabels is how many bytes the names and values of an alert's labels may
// have together. They are kept with every request and every episode.
const maxLabels = 4 << 10

// An Alert is what is kept of an alert. Its labels are data from outside: at
// most 4 KiB of valid UTF-8, and nothing more is known about them.
type Alert struct {
	Firing bool // false is "resolved", from which nothing follows
	Labels map[string]string
	// StartsAt is in UTC and within the years that RFC 3339 can write. With
	// Fingerprint it is the alert's identity.
	StartsAt time.Time
	// Fingerprint is the sender's, or where it gives none the one that
	// Alertmanager would give.
	Fingerprint string
}

// fingerprints are sixteen hexadecimal digits from Alertmanager; others have
// their own ways.
var fingerprint = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// readAlert reads one alert of a notification. An error begins with the name of
// the field.
func readAlert(raw []byte) (Alert, error) {
	var a template.Alert
	if err := json.Unmarshal(raw, &a); err != nil {
		return Alert{}, alertProblem(raw, err)
	}
	if a.Status != string(model.AlertFiring) && a.Status != string(model.AlertResolved) {
		return Alert{}, fmt.Errorf("status: %s: must be firing or resolved", quote(a.Status))
	}
	read, err := identity{a.Labels, a.StartsAt, a.Fingerprint}.alert(raw)
	read.Firing = err == nil && a.Status == string(model.AlertFiring)
	return read, err
}

// An identity is what an alert has wherever it comes from.
type identity struct {
	Labels      map[string]string `json:"labels"`
	StartsAt    time.Time         `json:"startsAt"`
	Fingerprint string            `json:"fingerprint"`
}

// alert is what is kept of an alert that was read from raw; whether it fires is
// left open.
func (a identity) alert(raw []byte) (Alert, error) {
	// The decoder has put U+FFFD in the place of what is not UTF-8, and two
	// alerts that differ there would be one.
	if !utf8.Valid(raw) {
		return Alert{}, fmt.Errorf("labels: %s: must be valid UTF-8", quote(a.Labels["alertname"]))
	}
	if err := checkLabels(a.Labels); err != nil {
		return Alert{}, err
	}
	starts := a.StartsAt.UTC()
	if a.StartsAt.IsZero() {
		return Alert{}, errors.New("startsAt: missing: it is a part of the alert's identity")
	}
	if y := starts.Year(); y < 1970 || y > 9999 {
		return Alert{}, fmt.Errorf("startsAt: %s: must be between the years 1970 and 9999", quote(starts.String()))
	}
	if a.Fingerprint == "" {
		a.Fingerprint = alertmanagersFingerprint(a.Labels)
	}
	if !fingerprint.MatchString(a.Fingerprint) {
		return Alert{}, fmt.Errorf("fingerprint: %s: must be at most 64 letters and digits", quote(a.Fingerprint))
	}
	return Alert{Labels: a.Labels, StartsAt: starts, Fingerprint: a.Fingerprint}, nil
}

func checkLabels(labels map[string]string) error {
	size := 0
	for name, value := range labels {
		if name == "" {
			return fmt.Errorf("labels: %s: the label has no name", quote(value))
		}
		size += len(name) + len(value)
	}
	if size > maxLabels {
		return fmt.Errorf("labels: %d bytes for %s: at most %d", size, quote(labels["alertname"]), maxLabels)
	}
	return nil
}

func alertmanagersFingerprint(labels map[string]string) string {
	set := make(model.LabelSet, len(labels))
	for name, value := range labels {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set.Fingerprint().String()
}

// alertProblem names the field of a template.Alert that could not be decoded.
func alertProblem(raw []byte, err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s: must be %s, not %s", kind.Field, kind.Type, kind.Value)
	}
	var times struct{ StartsAt, EndsAt json.RawMessage }
	if json.Unmarshal(raw, &times) == nil {
		var t time.Time
		if times.StartsAt != nil && json.Unmarshal(times.StartsAt, &t) != nil {
			return fmt.Errorf("startsAt: %s: must be a time such as 2006-01-02T15:04:05Z", quote(string(times.StartsAt)))
		}
		if times.EndsAt != nil && json.Unmarshal(times.EndsAt, &t) != nil {
			return fmt.Errorf("endsAt: %s: must be a time such as 2006-01-02T15:04:05Z", quote(string(times.EndsAt)))
		}
	}
	return fmt.Errorf("%s: %s", quote(string(raw)), jsonProblem(err))
}
