package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/nodeheadroom/headroom/lab/process"
	"github.com/nodeheadroom/headroom/lab/stage"
)

// nodeName is what the remediator is called.
const nodeName = "bench-1"

// A remediator runs with the shipped policy and a token.
type remediator struct {
	*process.Process
	url, token string
	client     *http.Client
}

// remediator starts one with its journal in dir and the given flags.
func (b *bench) remediator(ctx context.Context, dir string, args ...string) (*remediator, error) {
	token := rand.Text()
	tokenFile := filepath.Join(b.dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		return nil, err
	}
	p, err := process.Start(process.Options{Name: "headroom-remediator", Path: b.binary("headroom-remediator"), Args: append(args,
		"--web.listen-address=127.0.0.1:0",
		"--node.name="+nodeName,
		"--kubelet.assume="+b.assumed(),
		"--policy.file="+filepath.Join(b.root, "deploy", "policy.yaml"),
		"--webhook.token-file="+tokenFile,
		"--journal.file="+filepath.Join(dir, "journal"),
		"--journal.fallback="+filepath.Join(b.dir, "journal.fallback"),
		"--control.socket="+filepath.Join(b.dir, "remediator.sock"))})
	if err != nil {
		return nil, err
	}
	address, err := p.Address(ctx)
	if err != nil {
		p.Stop(time.Second)
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	return &remediator{p, "http://" + address, token, &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

// belowStart starts a remediator that acts on the logs of a disk, with its
// journal in a new folder there, and then leaves so much of the disk; it must be
// below where the shipped policy starts: 5 % above the threshold of 15 %.
func (b *bench) belowStart(ctx context.Context, disk *stage.Disk, logs, journal string, share float64) (*remediator, error) {
	if err := os.Mkdir(journal, 0o755); err != nil {
		return nil, err
	}
	r, err := b.remediator(ctx, journal, "--path.nodefs="+disk.Path, "--path.imagefs="+disk.Path, "--path.logs="+logs, "--no-dry-run")
	if err != nil {
		return nil, err
	}
	if err := leave(disk, share); err != nil {
		r.Stop(5 * time.Second)
		return nil, err
	}
	return r, nil
}

// post delivers a body as Alertmanager does.
func (r *remediator) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/api/v1/alerts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+r.token)
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s: %s", response.Status, said)
	}
	return nil
}

// delivery is what Alertmanager posts for one firing alert, in its version 4.
func delivery(alertname, signal, stage string, n int) []byte {
	labels := map[string]string{"alertname": alertname, "node": nodeName, "signal": signal, "stage": stage, "severity": "critical"}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	body, err := json.Marshal(map[string]any{
		"version": "4", "status": "firing", "receiver": "headroom-remediator", "truncatedAlerts": 0,
		"groupKey":     fmt.Sprintf("{}/{}:{alertname=%q, n=\"%d\"}", alertname, n),
		"groupLabels":  map[string]string{"alertname": alertname, "node": nodeName, "signal": signal},
		"commonLabels": labels, "commonAnnotations": map[string]string{}, "externalURL": "http://alertmanager:9093",
		"alerts": []any{map[string]any{
			"status": "firing", "labels": labels, "startsAt": now, "endsAt": "0001-01-01T00:00:00Z",
			"annotations":  map[string]string{"summary": "bench-1 is about to evict pods."},
			"generatorURL": "http://prometheus:9090/graph", "fingerprint": fmt.Sprintf("%016x", n),
		}},
	})
	if err != nil {
		panic(err) // of strings and numbers alone
	}
	return body
}
