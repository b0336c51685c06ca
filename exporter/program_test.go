package exporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// head begins a KubeletConfiguration.
const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

// A program is the exporter as main runs it.
type program struct {
	url string
	log *buffer
}

// patient waits for readers as long as a busy machine may make them take.
const patient = "--path.timeout=1m"

// start runs the program until the test is over, when it must end without an
// error. It is patient unless told otherwise.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--path.timeout=") }) {
		args = append(args, patient)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &program{log: newBuffer()}
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, append([]string{"--web.listen-address=127.0.0.1:0"}, args...), io.Discard, p.log)
	}()
	select {
	case address := <-p.log.listening:
		p.url = "http://" + address
	case err := <-ended:
		stop()
		t.Fatalf("the program ended: %v\n%s", err, p.log.String())
	case <-time.After(time.Minute):
		stop()
		t.Fatalf("the program does not listen:\n%s", p.log.String())
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with %v", err)
		}
	})
	return p
}

// A series is as a scrape has it: value by name and labels.
type series map[string]float64

// text scrapes and parses nothing.
func (p *program) text(t *testing.T) string {
	rsp, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Error(err)
		return ""
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	if err != nil || rsp.StatusCode != http.StatusOK {
		t.Errorf("%s, %v", rsp.Status, err)
	}
	return string(body)
}

func (p *program) scrape(t *testing.T) series {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(p.text(t)))
	if err != nil {
		t.Error(err)
		return nil
	}
	s := make(series)
	for name, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := name + "{" + strings.Join(labels, ",") + "}"
			if _, twice := s[key]; twice {
				t.Errorf("%s is there twice", key)
			}
			s[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue() // it is one of them
		}
	}
	return s
}

func (s series) want(t *testing.T, name string, want float64) {
	t.Helper()
	if got, ok := s[name]; !ok || got != want {
		t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
	}
}

func (s series) absent(t *testing.T, name string) {
	t.Helper()
	if got, ok := s[name]; ok {
		t.Errorf("%s is %v, want none", name, got)
	}
}

// await scrapes until a series has a value.
func (p *program) await(t *testing.T, name string, want float64) series {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		s := p.scrape(t)
		if got, ok := s[name]; ok && got == want {
			return s
		}
		if t.Failed() || time.Now().After(deadline) {
			t.Fatalf("%s has not become %v:\n%v\n%s", name, want, s, p.log.String())
		}
	}
}

// A buffer takes a log and says the address that it names.
type buffer struct {
	mu        sync.Mutex
	text      bytes.Buffer
	listening chan string
}

func newBuffer() *buffer { return &buffer{listening: make(chan string, 1)} }

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := listening.FindSubmatch(p); m != nil {
		b.listening <- string(m[1])
	}
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
