package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
)

// A scraped is a program that is scraped.
type scraped struct {
	*process.Process
	url        string
	who        string // as the kubelet knows it, if it asks one
	latencies  []float64
	goroutines int // that it ended with, if it was asked to tell
}

func (b *bench) scraped(ctx context.Context, path string, args ...string) (*scraped, error) {
	s := &scraped{}
	var err error
	s.Process, err = b.start(process.Options{Name: path, Path: path, Args: append(args, "--web.listen-address=127.0.0.1:0"), Line: s.note})
	if err != nil {
		return nil, err
	}
	address, err := s.Address(ctx)
	s.url = "http://" + address + "/metrics"
	return s, err
}

// goroutine begins the trace of one, in what a Go program writes when it is asked
// to quit. Number 0 is the runtime's own.
var goroutine = regexp.MustCompile(`^goroutine [1-9]\d* .*\[.*\]:$`)

func (s *scraped) note(line string) {
	if goroutine.MatchString(line) {
		s.goroutines++
	}
}

// quit ends the program and returns how many goroutines it had.
func (s *scraped) quit() (float64, error) {
	if err := syscall.Kill(s.PID(), syscall.SIGQUIT); err != nil {
		return 0, err
	}
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("%s did not quit", s.Name)
	}
	if s.goroutines == 0 {
		return 0, fmt.Errorf("%s did not tell its goroutines: %w", s.Name, s.Err())
	}
	return float64(s.goroutines), nil
}

// threads counts those of the program.
func (s *scraped) threads() (float64, error) {
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.PID()))
	return float64(len(all)), err
}

// scrape asks as Prometheus 3 does.
func (s *scraped) scrape(ctx context.Context) error {
	began := time.Now()
	if err := s.get(ctx, io.Discard, "gzip"); err != nil {
		return err
	}
	s.latencies = append(s.latencies, time.Since(began).Seconds())
	return nil
}

// series returns what the program exposes, by name and labels.
func (s *scraped) series(ctx context.Context) (map[string]string, error) {
	var text strings.Builder
	if err := s.get(ctx, &text, "identity"); err != nil {
		return nil, err
	}
	return parseSeries(text.String()), nil
}

// parseSeries takes the samples of Prometheus's text format:
//
//	# HELP headroom_signal_available_bytes …
//	headroom_signal_available_bytes{signal="nodefs.available"} 4.096e+09
func parseSeries(text string) map[string]string {
	series := make(map[string]string)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			series[line[:at]] = line[at+1:]
		}
	}
	return series
}

func (s *scraped) get(ctx context.Context, to io.Writer, encoding string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1")
	request.Header.Set("Accept-Encoding", encoding)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(to, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", s.url, response.Status)
	}
	return nil
}

// inTurn scrapes all of them n times, one after the other.
func inTurn(ctx context.Context, n int, all ...*scraped) error {
	for range n {
		for _, s := range all {
			if err := s.scrape(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
