package process

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func shell(t *testing.T, script string, line func(string)) *Process {
	t.Helper()
	p, err := Start(Options{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Line: line})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(0) })
	return p
}

func TestTheAddressIsTheOneInTheLog(t *testing.T) {
	for name, line := range map[string]string{
		"exporter-toolkit":            `time=2026-11-23T10:15:00Z level=INFO source=tls_config.go:354 msg="Listening on" address=127.0.0.1:43231`,
		"with a component before it":  `level=INFO msg="Listening on" component=web address=127.0.0.1:43231`,
		"after one asked for, port 0": `level=INFO msg="Start listening for connections" component=web address=127.0.0.1:0` + "\n" + `level=INFO msg="Listening on" address=127.0.0.1:43231`,
	} {
		p := shell(t, "cat >&2 <<'END'\n"+line+"\nEND\nsleep 60", nil)
		if address, err := p.Address(t.Context()); address != "127.0.0.1:43231" {
			t.Errorf("%s: %q, %v", name, address, err)
		}
	}
}

func TestAProgramThatDiesInsteadOfListeningIsExplainedByItsLastWords(t *testing.T) {
	p := shell(t, "echo port in use >&2; exit 3", nil)
	_, err := p.Address(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "port in use") {
		t.Errorf("error %v", err)
	}
}

func TestWaitingForAnAddressEndsWithTheContext(t *testing.T) {
	p := shell(t, "echo thinking; sleep 60", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Address(ctx); err == nil || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("error %v", err)
	}
}

func TestEveryLineIsHandedOnOnceAndWhole(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	p := shell(t, "printf 'one\\ntw'; printf 'o\\nthree\\n'", func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	})
	<-p.Done()
	if got := strings.Join(lines, "|"); got != "one|two|three" {
		t.Errorf("got %s", got)
	}
}

func TestStopAsksBeforeItKills(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		grace  time.Duration
		want   string // in the error, "" for none
	}{
		"one that ends when asked":      {"trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done", time.Minute, ""},
		"one that has no handler":       {"echo up; exec sleep 60", time.Minute, ""},
		"one that says it went wrong":   {"trap 'exit 4' TERM; echo up; while :; do sleep 0.01; done", time.Minute, "exit status 4"},
		"one that does not want to end": {"trap '' TERM; echo up; while :; do sleep 0.01; done", 50 * time.Millisecond, "killed"},
	} {
		up := make(chan struct{})
		p := shell(t, test.script, func(string) { close(up) })
		<-up
		err := p.Stop(test.grace)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-p.Done():
		default:
			t.Errorf("%s: it still runs", name)
		}
	}
}
