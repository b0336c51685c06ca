package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
)

// A standIn stands in for the kubelet of the node, as far as the exporter asks it. It is
// a process of its own, for its work is not the exporter's: this program under
// the name of kubelet, by which the exporter finds it, and with the command line
// and the configuration file of one.
type standIn struct {
	*process.Process
	dir, url, secret string

	mu      sync.Mutex
	answers map[question]answered
}

// A question is who asked for which path.
type question struct{ who, path string }

// answered is how often, and with how much.
type answered struct {
	times int
	bytes int64
}

// kubelet starts one.
func (b *bench) kubelet(ctx context.Context) (*standIn, error) {
	dir, err := os.MkdirTemp(b.dir, "kubelet-")
	if err != nil {
		return nil, err
	}
	// As long as the token of a service account.
	k := &standIn{dir: dir, secret: strings.Repeat(rand.Text(), 40), answers: make(map[question]answered)}
	if err := k.write(); err != nil {
		return nil, err
	}
	k.Process, err = b.start(process.Options{
		Name: "kubelet", Path: filepath.Join(dir, kubeletName), Line: k.note,
		Args: []string{"--config=" + filepath.Join(dir, "config.yaml"), "--cert-dir=" + dir, "--root-dir=/var/lib/kubelet"},
	})
	if err != nil {
		return nil, err
	}
	address, err := k.Address(ctx)
	k.url = "https://" + address
	return k, err
}

// write makes the program and the files that it is given.
func (k *standIn) write() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(k.dir, kubeletName)); err != nil {
		return err
	}
	r, err := readRecordings()
	if err != nil {
		return err
	}
	var z struct{ KubeletConfig json.RawMessage }
	if err := json.Unmarshal(r.configz, &z); err != nil {
		return fmt.Errorf("configz.json: %w", err)
	}
	for name, data := range map[string][]byte{"config.yaml": z.KubeletConfig, "secret": []byte(k.secret)} {
		if err := os.WriteFile(filepath.Join(k.dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return certificates(k.dir)
}

// note takes a line of the kubelet's log that says what it has answered.
func (k *standIn) note(line string) {
	var q question
	var bytes int64
	if _, err := fmt.Sscanf(line, answeredLine, &q.who, &q.path, &bytes); err != nil {
		return // another line
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.answers[q]
	k.answers[q] = answered{a.times + 1, a.bytes + bytes}
}

// given returns what the kubelet has answered to somebody until now.
func (k *standIn) given(who, path string) answered {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.answers[question{who, path}]
}

// flags are those by which an exporter asks this kubelet; who is the name it goes
// by, one for each exporter.
func (k *standIn) flags(who string) ([]string, error) {
	token := filepath.Join(k.dir, "token-"+who)
	if err := os.WriteFile(token, []byte(who+"."+k.secret+"\n"), 0o600); err != nil {
		return nil, err
	}
	return []string{"--kubelet.url=" + k.url, "--kubelet.ca-file=" + filepath.Join(k.dir, "ca.crt"), "--kubelet.token-file=" + token}, nil
}

// await waits until an exporter has read everything once.
func (k *standIn) await(ctx context.Context, who string) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if k.given(who, configzPath).times > 0 && k.given(who, summaryPath).times > 0 && k.given(who, metricsPath).times > 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the exporter %q has not read all of the kubelet", who)
		}
	}
}
