package kubelet

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

// chain is a Source of origins that answer or fail as told.
func chain(log *strings.Builder, names ...string) (s *Source, failing map[string]error) {
	failing = make(map[string]error)
	s, _ = NewSource(Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	for _, name := range names {
		o := newOrigin(name, name, filePatience, func(context.Context) (*Configuration, error) {
			if err := failing[name]; err != nil {
				return nil, err
			}
			return &Configuration{}, nil
		})
		o.mayBeMissing = name == FromFlags
		s.add(o)
	}
	return s, failing
}

func TestNextSourceCountsOnlyWhenTheFirstIsOutOfDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s, failing := chain(&log, FromConfigz, FromFlags, FromLog)
		refresh := func(want, wantErr string) {
			t.Helper()
			s.Refresh(t.Context())
			c, err := s.Configuration()
			got := ""
			if err == nil {
				got = c.Source
			}
			_, last := s.Last()
			if got != want || (wantErr == "") != (last == nil) || last != nil && !strings.Contains(last.Error(), wantErr) {
				t.Errorf("source %q, want %q; last error %v, want %q", got, want, last, wantErr)
			}
		}
		refresh(FromConfigz, "")
		failing[FromConfigz] = errors.New("refused")
		time.Sleep(Keep)
		refresh(FromConfigz, "refused") // its last word still counts
		time.Sleep(time.Second)
		refresh(FromFlags, "refused")
		failing[FromFlags] = errNoProcess
		time.Sleep(Keep)
		refresh(FromFlags, "no kubelet")
		time.Sleep(time.Second)
		refresh(FromLog, "refused")
		failing[FromConfigz] = nil
		refresh(FromConfigz, "")
	})
}

func TestKubeletThatIsGoneIsNotTakenForNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s, failing := chain(&log, FromFlags)
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		failing[FromFlags] = errNoProcess
		time.Sleep(Keep + time.Second)
		if err := s.Refresh(t.Context()); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("refresh: %v", err)
		}
		if c, err := s.Configuration(); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestNextSourceCountsAtOnceWhereTheFirstNeverAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		origins []string
		failing map[string]error
		source  string
		err     string // of the last read
	}{
		"configz refuses":               {[]string{FromConfigz, FromFlags}, map[string]error{FromConfigz: errors.New("401")}, FromFlags, "401"},
		"no kubelet, but a file":        {[]string{FromFlags, FromFiles}, map[string]error{FromFlags: errNoProcess}, FromFiles, ""},
		"no kubelet, but an assumption": {[]string{FromFlags, Assumed}, map[string]error{FromFlags: errNoProcess}, Assumed, ""},
		"a file that is not there":      {[]string{FromFlags, FromFiles, FromLog}, map[string]error{FromFlags: errNoProcess, FromFiles: errors.New("gone")}, FromLog, "gone"},
		"nothing":                       {[]string{FromFlags, FromFiles}, map[string]error{FromFlags: errNoProcess, FromFiles: errors.New("gone")}, "", "no kubelet runs here (from inside of a container it is seen only in the host's PID namespace)\ngone"},
		"nobody to ask":                 {[]string{FromFlags}, map[string]error{FromFlags: errNoProcess}, "", ErrNone.Error()},
		"a kubelet that is not told":    {[]string{FromFlags}, map[string]error{FromFlags: errors.New("--config: denied")}, "", "--config: denied"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			s, failing := chain(&log, c.origins...)
			for name, err := range c.failing {
				failing[name] = err
			}
			err := s.Refresh(t.Context())
			if (err == nil) != (c.source != "") {
				t.Errorf("refresh: %v", err)
			}
			if errors.Is(err, ErrNone) != (name == "nobody to ask") {
				t.Errorf("whether there is a source at all: %v", err)
			}
			got, err := s.Configuration()
			if c.source != "" && (err != nil || got.Source != c.source) {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := s.Last(); (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("last: %v", err)
			}
			lines := log.String()
			for range 3 {
				s.Refresh(t.Context())
			}
			if log.String() != lines || lines == "" {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestKubeletsWordIsComparedWithItsFiles(t *testing.T) {
	configz := effective
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, configz) })
	path := config(t, head+"evictionHard: {pid.available: 5%}\n")
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet", "--root-dir=/data", "--config=" + path}, at{})
	for name, c := range map[string]struct {
		opts            Options
		rootDir, onDisk string
	}{
		"a process":                 {Options{Proc: h.proc}, "/data", "hard pid.available<5%"},
		"a file alone":              {Options{ConfigFile: path}, "", "unknown"},
		"a file and no process":     {Options{Proc: newHost(t).proc, ConfigFile: path}, "", "unknown"},
		"neither":                   {Options{Proc: newHost(t).proc}, "", "unknown"},
		"a file that is not there":  {Options{ConfigFile: path + "x"}, "", "unknown"},
		"an assumption is no file":  {Options{AssumeFile: path}, "", "unknown"},
		"a process before the file": {Options{Proc: h.proc, ConfigFile: path + "x"}, "/data", "hard pid.available<5%"},
	} {
		t.Run(name, func(t *testing.T) {
			c.opts.URL, c.opts.InsecureSkipVerify = server.URL, true
			s := source(t, c.opts)
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := s.Configuration()
			if err != nil {
				t.Fatal(err)
			}
			if got.Source != FromConfigz || got.RootDir != c.rootDir || first(got.OnDisk) != c.onDisk {
				t.Errorf("%+v, on disk %s", got, first(got.OnDisk))
			}
			if got.OnDisk != nil && got.OnDisk.OnDisk != nil {
				t.Error("what is on disk has something on disk")
			}
			if _, err := s.Last(); err != nil {
				t.Errorf("last: %v", err)
			}
		})
	}
	s := source(t, Options{URL: server.URL, InsecureSkipVerify: true, Proc: h.proc})
	for _, step := range []struct{ configz, file, runs, onDisk string }{
		{effective, "5%", "hard memory.available<100Mi", "hard pid.available<5%"},
		{effective, "6%", "hard memory.available<100Mi", "hard pid.available<6%"}, // a restart is pending
		{strings.Replace(effective, "100Mi", "200Mi", 1), "6%", "hard memory.available<200Mi", "hard pid.available<6%"},
	} {
		configz = step.configz
		rewrite(t, path, head+"evictionHard: {pid.available: "+step.file+"}\n")
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Configuration(); err != nil || first(got) != step.runs || first(got.OnDisk) != step.onDisk {
			t.Errorf("%+v: %s, on disk %s, %v", step, first(got), first(got.OnDisk), err)
		}
	}
}

// The default of imagefs.inodesFree came with 1.30.
func TestFilesAreReadByTheRunningKubeletsRules(t *testing.T) {
	version := "v1.29.4"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			io.WriteString(w, strings.Replace(metrics, "v1.37.2", version, 1))
			return
		}
		io.WriteString(w, effective)
	}))
	defer server.Close()
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet", "--config=" + config(t, head)}, at{})
	s := source(t, Options{URL: server.URL, InsecureSkipVerify: true, Proc: h.proc})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Configuration()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(defaults[:4:4], defaults[5]), lines(got.OnDisk.Thresholds)); diff != "" {
		t.Error(diff)
	}
}

func TestHungFileHidesNeitherTheKubeletNorTheNextSource(t *testing.T) {
	server := serve(t, answer(effective))
	dir, release := nodetest.HungFS(t)
	defer release()
	hung := dir + "/config.yaml"
	for name, c := range map[string]struct {
		opts Options
		want string
	}{
		"the kubelet answers":   {Options{URL: server.URL, InsecureSkipVerify: true, ConfigFile: hung}, FromConfigz},
		"a log behind the file": {Options{ConfigFile: hung, LogFile: config(t, is137+"\n")}, FromLog},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, c.opts)
			for _, o := range s.origins {
				if o.name == FromFiles {
					o.Patience = time.Millisecond
				}
			}
			for range 3 {
				if err := s.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := s.Configuration(); err != nil || got.Source != c.want {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// While nothing changes a refresh is a handful of small reads, and none looks
// through all processes.
func TestNothingIsParsedAgainWhileNothingChanges(t *testing.T) {
	h := newHost(t)
	h.add(99, "kubelet", []string{"kubelet", "--config=" + config(t, head)}, at{})
	var releases atomic.Int32
	k := &running{proc: h.proc, release: func() release { releases.Add(1); return 0 }}
	if _, err := k.configuration(t.Context()); err != nil {
		t.Fatal(err)
	}
	process, parsed := k.process, k.parsed
	for range 3 {
		if _, err := k.configuration(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if k.process != process || k.parsed != parsed {
		t.Error("it was looked for or parsed again")
	}
}
