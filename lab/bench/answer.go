package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// kubeletName is what this program is called when it stands in for a kubelet.
const kubeletName = "kubelet"

// answeredLine is what it then logs: to whom it answered what, in how many bytes.
const answeredLine = "answered %s %s %d"

// beKubelet answers as a kubelet until it is ended.
func beKubelet(args []string, log io.Writer) error {
	flags := flag.NewFlagSet(kubeletName, flag.ContinueOnError)
	dir := flags.String("cert-dir", "", "certificate, key and secret")
	for _, name := range []string{"config", "root-dir"} {
		flags.String(name, "", "for others to read")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	secret, err := os.ReadFile(filepath.Join(*dir, "secret"))
	if err != nil {
		return err
	}
	r, err := readRecordings()
	if err != nil {
		return err
	}
	answers, err := newAnswers(r, string(secret), log)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(*dir, "kubelet.crt"), filepath.Join(*dir, "kubelet.key"))
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "msg=\"Listening on\" address=%s\n", listener.Addr())
	server := &http.Server{Handler: answers, IdleTimeout: idleTimeout}
	return server.Serve(listener)
}

// idleTimeout is after how long a kubelet hangs up (pkg/kubelet/server/server.go).
const idleTimeout = 90 * time.Second

// answers are a kubelet's to whoever has the secret in his token, behind a name.
type answers struct {
	secret           string
	log              io.Writer
	configz, metrics []byte
	summary          *changing
}

func newAnswers(r *recordings, secret string, log io.Writer) (*answers, error) {
	if secret == "" {
		return nil, errors.New("the secret is empty")
	}
	r, err := r.multiply(pods)
	if err != nil {
		return nil, err
	}
	return &answers{secret: secret, log: log, configz: r.configz, metrics: r.metrics, summary: newChanging(r.summary)}, nil
}

// writes is in pieces of what size a kubelet writes its metrics: their encoder's
// buffer.
const writes = 4096

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, secret, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if secret != a.secret {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	n := 0
	switch r.URL.Path {
	case configzPath:
		w.Header().Set("Content-Type", "application/json")
		n, _ = w.Write(a.configz)
	case metricsPath:
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for piece := range slices.Chunk(a.metrics, writes) {
			written, _ := w.Write(piece)
			n += written
		}
	case summaryPath:
		w.Header().Set("Content-Type", "application/json")
		n, _ = w.Write(a.summary.next())
	default:
		http.NotFound(w, r)
		return
	}
	fmt.Fprintf(a.log, answeredLine+"\n", who, r.URL.Path, n)
}
