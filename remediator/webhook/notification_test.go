package webhook

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What testdata/alertmanager-VERSION-*.json holds was sent by that version of
// Alertmanager, recorded byte for byte.
func TestWhatAlertmanagerSendsIsUnderstood(t *testing.T) {
	for file, want := range map[string]struct {
		alerts    map[string]string // fingerprint: what it says
		truncated uint64
		receiver  string
	}{
		"firing": {
			alerts: map[string]string{
				"5d87c892e5093406": "firing HeadroomEvictionPredicted worker-1 nodefs.available",
				"20ac1026db6ba8d2": "firing HeadroomLow worker-1 nodefs.available",
			},
			receiver: "headroom",
		},
		"resolved-inside-firing": {
			alerts: map[string]string{
				"5d87c892e5093406": "firing HeadroomEvictionPredicted worker-1 nodefs.available",
				"20ac1026db6ba8d2": "resolved HeadroomLow worker-1 nodefs.available",
			},
			receiver: "headroom",
		},
		"truncated": {
			alerts:    map[string]string{"ddad822dd219612a": "firing HeadroomLow worker-0 nodefs.available"},
			truncated: 2,
			receiver:  "headroom-first",
		},
	} {
		t.Run(file, func(t *testing.T) {
			n := decodeFile(t, filepath.Join("testdata", "alertmanager-0.31.1-"+file+".json"))
			if n.truncated != want.truncated || n.receiver != want.receiver || len(n.invalid) != 0 || n.groupKey == "" {
				t.Errorf("got %+v", n)
			}
			got := make(map[string]string)
			for _, a := range n.alerts {
				status := "resolved"
				if a.Firing {
					status = "firing"
				}
				got[a.Fingerprint] = strings.Join([]string{status, a.Labels["alertname"], a.Labels["node"], a.Labels["signal"]}, " ")
				if a.StartsAt.IsZero() {
					t.Errorf("%s: no startsAt", a.Fingerprint)
				}
				if computed := alertmanagersFingerprint(a.Labels); computed != a.Fingerprint {
					t.Errorf("%s: would be given the fingerprint %s", a.Fingerprint, computed)
				}
			}
			if diff := cmp.Diff(want.alerts, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func decodeFile(t *testing.T, name string) *notification {
	t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFieldsOfTomorrowAreIgnored(t *testing.T) {
	body, err := os.ReadFile("testdata/alertmanager-0.31.1-firing.json")
	if err != nil {
		t.Fatal(err)
	}
	now, err := decode(body)
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(string(body), "{", `{"notification_reason":"new alerts in group","routeLabels":{"a":"b"},"x":[{"y":null}],`, 1)
	later = strings.ReplaceAll(later, `"labels":`, `"silenced_by":[1,2],"labels":`)
	then, err := decode([]byte(later))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(now, then, cmp.AllowUnexported(notification{})); diff != "" {
		t.Error(diff)
	}
}

func TestAnAlertWithoutFingerprintGetsAlertmanagers(t *testing.T) {
	n, err := decode([]byte(group(strings.Replace(alert("alertname", "HeadroomLow", "cluster", "prod-eu", "filesystem", "nodefs",
		"instance", "worker-1", "job", "headroom-exporter", "node", "worker-1", "severity", "warning", "signal", "nodefs.available",
		"stage", "before"), "00000000000000aa", "", 1))))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.alerts[0].Fingerprint, "20ac1026db6ba8d2"; got != want { // as recorded in testdata
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzDecode holds that no body panics, that an error is a refusal with one of
// the known codes, and that what is kept is within its limits.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no recorded notifications", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(body[:len(body)/2])
	}
	for _, body := range []string{
		"", "{}", "[]", "null", `{"version":"4"}`, `{"version":4}`, `{"version":"4","alerts":null}`, `{"version":"4","alerts":{}}`,
		`{"version":"4","alerts":[null]}`, `{"version":"4","alerts":[[]]}`, group("{}"), group(alert("a", "b"), alert()),
		`{"version":"4","alerts":[1],"alerts":[]}`, `{"version":"4","ALERTS":[{"STATUS":"firing"}],"groupLabels":{"a":null}}`,
		group(`{"status":"firing","startsAt":"0000-01-01T00:00:00+23:59","labels":{"a":"\ud800"}}`),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := decode(body)
		var no *refusal
		switch {
		case err != nil && !errors.As(err, &no):
			t.Fatalf("an error without a code: %v", err)
		case err != nil && no.code != 400 && no.code != 413:
			t.Fatalf("code %d", no.code)
		case err != nil:
			return
		case len(n.alerts)+len(n.invalid) == 0:
			t.Fatal("accepted without an alert")
		}
		for _, a := range n.alerts {
			if err := checkLabels(a.Labels); err != nil || a.StartsAt.IsZero() || !fingerprint.MatchString(a.Fingerprint) {
				t.Fatalf("%+v: %v", a, err)
			}
			if _, err := a.StartsAt.MarshalJSON(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzServe holds that 202 is answered only after the sink was called.
func FuzzServe(f *testing.F) {
	f.Add([]byte(group(alert("node", "n1"))))
	f.Add([]byte(group("{}")))
	f.Add([]byte(`{"version":"4"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var kept memory
		code := answerTo(&kept, body)
		if (code == 202) != (len(kept.alerts) > 0) {
			t.Fatalf("code %d after %d alerts in %d deliveries", code, len(kept.alerts), kept.calls)
		}
	})
}
