package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/prometheus/alertmanager/template"
)

// version is the only webhook version there is.
const version = "4"

// maxAlerts bounds what a body of the allowed size can decode to: three bytes,
// "{},", would make an alert.
const maxAlerts = 10_000

// message is the body of a notification, as Alertmanager's notify/webhook
// writes it:
//
//	{"receiver":"headroom","status":"firing","alerts":[…],"groupLabels":{…},…,
//	 "version":"4","groupKey":"{}:{node=\"n1\"}","truncatedAlerts":0}
//
// Fields it does not name are ignored: Alertmanager adds some.
type message struct {
	// Nil if the body has none of Data's fields.
	*template.Data
	// Alerts stands in front of Data.Alerts and reads the same elements, but
	// one at a time, so that one that is malformed spoils no other.
	Alerts          alertList `json:"alerts"`
	Version         *string   `json:"version"`
	GroupKey        string    `json:"groupKey"`
	TruncatedAlerts uint64    `json:"truncatedAlerts"`
}

// A notification is what is left of a message: at least one alert, valid or
// not.
type notification struct {
	receiver, groupKey string
	alerts             []Alert
	invalid            []error // one for each malformed alert
	truncated          uint64
}

// decode reads a body. Its errors are refusals.
func decode(body []byte) (*notification, error) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		var no *refusal
		if errors.As(err, &no) {
			return nil, no
		}
		return nil, refuse(http.StatusBadRequest, "body: %s: %s", quote(string(body)), jsonProblem(err))
	}
	switch {
	case m.Version == nil:
		return nil, refuse(http.StatusBadRequest, `version: missing: must be "4", that of Alertmanager's webhook`)
	case *m.Version != version:
		return nil, refuse(http.StatusBadRequest, `version: %s: must be "4"`, quote(*m.Version))
	case !m.Alerts.given:
		return nil, refuse(http.StatusBadRequest, "alerts: missing: must be a list of alerts")
	case len(m.Alerts.alerts)+len(m.Alerts.invalid) == 0:
		return nil, refuse(http.StatusBadRequest, "alerts: []: must have at least one alert")
	}
	n := &notification{
		groupKey:  m.GroupKey,
		alerts:    m.Alerts.alerts,
		invalid:   m.Alerts.invalid,
		truncated: m.TruncatedAlerts,
	}
	if m.Data != nil {
		n.receiver = receiverName(m.Data.Receiver)
	}
	return n, nil
}

// receiverName undoes what Alertmanager does to the name of a receiver before it
// sends it: it writes a pattern that matches the name (regexp.QuoteMeta, in its
// template/template.go). What is not such a pattern is taken for the name.
func receiverName(sent string) string {
	if pattern, err := regexp.Compile(sent); err == nil {
		if name, whole := pattern.LiteralPrefix(); whole {
			return name
		}
	}
	return sent
}

// alertList is a JSON list of alerts, each read by itself.
type alertList struct {
	given   bool
	alerts  []Alert
	invalid []error
}

// UnmarshalJSON reads a list that is known to be valid JSON.
func (l *alertList) UnmarshalJSON(data []byte) error {
	*l = alertList{}
	if string(data) == "null" {
		return nil
	}
	if data[0] != '[' {
		return refuse(http.StatusBadRequest, "alerts: %s: must be a list of alerts", quote(string(data)))
	}
	l.given = true
	list := json.NewDecoder(bytes.NewReader(data))
	if _, err := list.Token(); err != nil { // [
		return err
	}
	for i := 0; list.More(); i++ {
		if i == maxAlerts {
			return refuse(http.StatusRequestEntityTooLarge, "alerts: more than %d: set max_alerts in Alertmanager's webhook_config, or group by more labels", maxAlerts)
		}
		var raw json.RawMessage
		if err := list.Decode(&raw); err != nil {
			return err
		}
		a, err := readAlert(raw)
		if err != nil {
			l.invalid = append(l.invalid, fmt.Errorf("alerts[%d]: %w", i, err))
			continue
		}
		l.alerts = append(l.alerts, a)
	}
	return nil
}

// jsonProblem says what is wrong with JSON, naming the field where there is
// one.
func jsonProblem(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON: %v at byte %d", syntax, syntax.Offset)
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Sprintf("%s: must be %s, not %s", kind.Field, kind.Type, kind.Value)
	case errors.As(err, &kind):
		return fmt.Sprintf("must be an object, not %s", kind.Value)
	}
	return shorten(err.Error())
}
