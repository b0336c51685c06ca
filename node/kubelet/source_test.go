package kubelet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom/node/nodetest"
)

func TestWithoutASourceThereIsNone(t *testing.T) {
	s := source(t, Options{})
	if _, err := s.Configuration(); !errors.Is(err, ErrNone) {
		t.Errorf("before: %v", err)
	}
	if err := s.Refresh(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("refresh: %v", err)
	}
	if _, err := s.Configuration(); !errors.Is(err, ErrNone) {
		t.Errorf("after: %v", err)
	}
	<-s.Ready()
}

func TestSourcesAreAskedInTheirOrder(t *testing.T) {
	path := config(t, head)
	s := source(t, Options{URL: "https://127.0.0.1:1", Proc: "/proc", ConfigFile: path, LogFile: path, AssumeFile: path})
	var names []string
	for _, o := range s.origins {
		names = append(names, o.name)
	}
	if diff := cmp.Diff([]string{"configz", "flags", "files", "log", "assumed"}, names); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{ConfigFile: path, AssumeFile: "absent"}, "files"},
		{Options{AssumeFile: path}, "assumed"},
	} {
		s := source(t, c.opts)
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Configuration(); err != nil || got.Source != c.want {
			t.Errorf("%+v: %+v, %v", c.opts, got, err)
		}
	}
}

func TestLastGoodConfigurationIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := config(t, head+"evictionHard: {pid.available: 5%}\n")
		s := source(t, Options{ConfigFile: path})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx, 30*time.Second)
		<-s.Ready()
		first, err := s.Configuration()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // of the bubble's clock
		synctest.Wait()
		second, err := s.Configuration()
		if err != nil || time.Since(second.Read) > 30*time.Second {
			t.Errorf("a file that did not change was not found so: %+v, %v", second, err)
		}
		if !first.Read.Before(second.Read) {
			t.Error("a configuration that was handed out changed")
		}

		rewrite(t, path, head+"evictionHard: {pid.available: 500%}\n")
		time.Sleep(Keep - time.Minute)
		synctest.Wait()
		kept, err := s.Configuration()
		if err != nil || lines(kept.Thresholds)[0] != "hard pid.available<5%" {
			t.Errorf("shortly after the file went bad: %+v, %v", kept, err)
		}
		if _, err := s.Last(); err == nil || !strings.Contains(err.Error(), "500%") {
			t.Errorf("the last read ended with %v", err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got, err := s.Configuration(); err == nil || !strings.Contains(err.Error(), "500%") {
			t.Errorf("long after the file went bad: %+v, %v", got, err)
		}

		rewrite(t, path, head+"evictionHard: {pid.available: 6%}\n")
		time.Sleep(time.Minute)
		synctest.Wait()
		again, err := s.Configuration()
		if err != nil || lines(again.Thresholds)[0] != "hard pid.available<6%" {
			t.Errorf("after the file was mended: %+v, %v", again, err)
		}
	})
}

func TestConfigurationThatNobodyReadsAgainExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, Options{ConfigFile: config(t, head)})
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(Keep) // of the bubble's clock
		if _, err := s.Configuration(); err != nil {
			t.Errorf("in the last moment: %v", err)
		}
		time.Sleep(time.Second)
		if got, err := s.Configuration(); err == nil || !strings.Contains(err.Error(), "15m1s old: it has not been read since") {
			t.Errorf("later: %v, %v", got, err)
		}
	})
}

func TestOnlyNewsIsLogged(t *testing.T) {
	var log strings.Builder
	path := config(t, head+"evictionHard: {pid.available: 500%}\n")
	s := source(t, Options{ConfigFile: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for i, c := range []struct {
		content string // empty: as before
		lines   int    // of the log, from the beginning
	}{{"", 1}, {"", 1}, {head, 2}, {head, 2}, {"kind: x\n", 3}, {"kind: y\n", 4}, {head, 5}} {
		if c.content != "" {
			rewrite(t, path, c.content)
		}
		s.Refresh(t.Context())
		if got := strings.Count(log.String(), "\n"); got != c.lines {
			t.Errorf("%d: %d lines, want %d:\n%s", i, got, c.lines, log.String())
		}
	}
	if !strings.Contains(log.String(), path) || !strings.Contains(log.String(), "500%") {
		t.Errorf("file or value is not named:\n%s", log.String())
	}
}

func TestFileThatCannotBeReadIsAnError(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxSize+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "no such file",
		dir:                          "is a directory",
		big:                          "longer than",
	} {
		err := source(t, Options{ConfigFile: path}).Refresh(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error is %v", path, err)
		}
	}
}

func config(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	rewrite(t, path, content)
	return path
}

func rewrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writePair(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	rewrite(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}

func TestFileOnAHungFilesystemIsGivenUpAndTakenUpAgain(t *testing.T) {
	server := serve(t, answer(effective))
	for name, set := range map[string]func(o *Options, path string){
		"the configuration":            func(o *Options, path string) { o.ConfigFile = path },
		"the token":                    func(o *Options, path string) { o.URL, o.TokenFile = server.URL, path },
		"the CA":                       func(o *Options, path string) { o.URL, o.CAFile = server.URL, path },
		"the client's certificate":     func(o *Options, path string) { o.URL, o.CertFile, o.KeyFile = server.URL, path, "absent" },
		"the client certificate's key": func(o *Options, path string) { o.URL, o.CertFile, o.KeyFile = server.URL, "source_test.go", path },
	} {
		t.Run(name, func(t *testing.T) {
			dir, release := nodetest.HungFS(t)
			o := Options{InsecureSkipVerify: true}
			set(&o, filepath.Join(dir, "file"))
			s := source(t, o)
			var begun, ended atomic.Int32
			read := s.origins[0].Call
			s.origins[0].Call = func(ctx context.Context) (*Configuration, error) {
				begun.Add(1)
				defer ended.Add(1)
				return read(ctx)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("while it hangs: %v", err)
			}
			if err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("while it still hangs: %v", err)
			}
			if _, err := s.Last(); err != errNotRead {
				t.Errorf("of a read that nobody waited for it is kept: %v", err)
			}
			release()
			s.Refresh(t.Context())
			if begun, ended := begun.Load(), ended.Load(); begun != 2 || ended != 2 {
				t.Errorf("when its server is gone %d of %d reads are over, want the one that hung and another", ended, begun)
			}
		})
	}
}

func TestReadThatHangsIsAnErrorInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		var reads atomic.Int32
		s := source(t, Options{ConfigFile: "config.yaml"})
		s.origins[0].Call = func(context.Context) (*Configuration, error) {
			if reads.Add(1) == 1 {
				<-released
				return nil, errors.New("stale")
			}
			return &Configuration{}, nil
		}
		for range 3 {
			if err := s.Refresh(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "config.yaml") {
				t.Errorf("while it hangs: %v", err)
			}
		}
		if _, err := s.Last(); !errors.Is(err, context.DeadlineExceeded) || reads.Load() != 1 {
			t.Errorf("after %d reads the last one ended with %v", reads.Load(), err)
		}
		close(released)
		if err := s.Refresh(t.Context()); err != nil || reads.Load() != 2 {
			t.Errorf("afterwards: %v, %d reads", err, reads.Load())
		}
	})
}
