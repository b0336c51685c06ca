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
	"testing"
	"testing/synctest"
	"time"

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

func TestURLWinsOverFileOverAssumption(t *testing.T) {
	path := config(t, head)
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{URL: "https://127.0.0.1:1", ConfigFile: path, AssumeFile: path}, "configz"},
		{Options{ConfigFile: path, AssumeFile: "absent"}, "files"},
		{Options{AssumeFile: path}, "assumed"},
	} {
		s := source(t, c.opts)
		if s.name != c.want {
			t.Errorf("%+v: source is %s", c.opts, s.name)
		}
		if c.want == "configz" {
			continue
		}
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

func TestOnlyNewsIsLogged(t *testing.T) {
	var log strings.Builder
	path := config(t, head+"evictionHard: {pid.available: 500%}\n")
	s := source(t, Options{ConfigFile: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, content := range []string{"", "", head, head, "kind: x\n"} {
		if content != "" {
			rewrite(t, path, content)
		}
		s.Refresh(t.Context())
	}
	if got := strings.Count(log.String(), "\n"); got != 3 {
		t.Errorf("%d lines for bad, bad, good, good, bad:\n%s", got, log.String())
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
	dir, release := nodetest.HungFS(t)
	f := &file{path: filepath.Join(dir, "config.yaml")}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("while it hangs: %v", err)
	}
	first := f.pending
	if _, err := f.read(ctx); !errors.Is(err, context.Canceled) || f.pending != first {
		t.Errorf("a second call was made: %v", err)
	}
	release()
	if _, err := f.read(t.Context()); err == nil || f.pending != nil {
		t.Errorf("when its server is gone: %v", err)
	}
}
