package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

const mib = 1 << 20

func gaugeAt(available float64) gauge {
	return gauge{
		signal: "imagefs.available", available: int64(available * 200 * mib), threshold: 30 * mib, capacity: 200 * mib,
		start: 0.05, target: 0.15,
	}
}

// recorded is a show as it went once.
func recorded(s *screen) *timeline {
	began := time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	line := newTimeline(s, began)
	level := func(seconds, available float64) {
		s.show(frame{gauge: gaugeAt(available), at: at(seconds).Sub(began), doing: line.awaits()})
	}
	s.show(frame{gauge: gauge{signal: "imagefs.available", available: 48 * mib, capacity: 200 * mib}, at: time.Second})
	line.note(at(1.5), "started", "exporter 127.0.0.1:41001, remediator 127.0.0.1:41002, Prometheus 127.0.0.1:41004")
	line.happen(measured, at(4), "the kubelet would evict below 30.0 MiB")
	line.flush(at(4.5))
	level(4.5, 0.24)
	level(12, 0.236)
	level(14.5, 0.235)
	level(24, 0.23)
	line.happen(pending, at(70), "HeadroomEvictionImminent, critical")
	line.happen(firing, at(75), "HeadroomEvictionImminent, critical")
	line.happen(delivered, at(75.2), "HeadroomEvictionImminent at the remediator, answered 202")
	line.flush(at(75.1)) // not yet
	line.note(at(75.2), "waits", "watching: headroom is 5.2%%, rungs run below 5.0%%")
	line.flush(at(75.3))
	level(75.3, 0.202)
	line.happen(crossed, at(79), "headroom 5.0%% is below 5.0%%")
	line.happen(freed, at(79.3), "12ms after the rung began")
	line.note(at(79.3), "  removed", "4.8 MiB gateway/0.log.20261123-100500.gz")
	line.happen(climbed, at(79.9), "log-reclaim: removed 25.0 MiB, 24.9 MiB came back")
	level(80, 0.31)
	line.happen(restored, at(79.5), "headroom 16.0%%, 32.0 MiB")
	line.date(freed, at(79.21))
	line.flush(at(100))
	return line
}

func TestWithoutATerminalTheShowIsPlainLines(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	line := recorded(s)
	s.close()
	out.WriteString("\n" + line.table())
	golden(t, "plain", out.Bytes())
	if strings.Contains(out.String(), "\033") || strings.Contains(out.String(), "\r") {
		t.Error("it moves a cursor that is not there")
	}
}

func TestOnATerminalTheShowFitsItsWidth(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, live: true, width: 80, colour: true}
	recorded(s)
	golden(t, "terminal", out.Bytes())
	// Every line that is drawn again must be one line: else the cursor does not
	// come back to where it began.
	for line := range strings.Lines(regexp.MustCompile("\033\\[[0-9;]*[A-Za-z]").ReplaceAllString(out.String(), "")) {
		if n := utf8.RuneCountInString(strings.Trim(line, "\r\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestAMomentThatDidNotHappenIsMissing(t *testing.T) {
	line := recorded(newScreen(&bytes.Buffer{}))
	if missing := line.missing(); len(missing) != 1 || missing[0] != resolved {
		t.Errorf("missing %v", missing)
	}
	select {
	case <-line.all:
		t.Error("over before the end")
	default:
	}
	line.happen(resolved, time.Now(), "")
	<-line.all
}

func TestTheBar(t *testing.T) {
	for name, test := range map[string]struct {
		gauge gauge
		want  string
	}{
		"everything is free but what the kubelet keeps": {gaugeAt(1), "·················▒▒▒"},
		"half":                         {gaugeAt(0.5), "██████████·······▒▒▒"},
		"part of a cell":               {gaugeAt(0.48), "██████████▍······▒▒▒"},
		"at the threshold":             {gaugeAt(0.15), "█████████████████▒▒▒"},
		"past it":                      {gaugeAt(0.05), "███████████████████▒"},
		"full":                         {gaugeAt(0), "████████████████████"},
		"the threshold is not known":   {gauge{available: 1, capacity: 2}, "██████████··········"},
		"more available than capacity": {gauge{available: 3, capacity: 2}, "····················"},
	} {
		used, free, kept := test.gauge.bar(20)
		if got := used + free + kept; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); !bytes.Equal(got, want) {
		t.Errorf("%s (go test -update writes it anew):\n%s", path, got)
	}
}
