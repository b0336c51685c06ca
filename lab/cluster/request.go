package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// A StatusError is an answer other than success.
type StatusError struct {
	Method, URL string
	Code        int
	Body        string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Code, bytes.TrimSpace([]byte(e.Body)))
}

// newClient returns a client that shows pair and trusts the authority alone.
func newClient(ca string, pair KeyPair) (*http.Client, error) {
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots},
			ForceAttemptHTTP2: true,
		},
	}, nil
}

// get asks url and returns the body of a good answer.
func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	return exchange(ctx, client, http.MethodGet, url, "", nil)
}

// exchange sends one request; an answer that is no success is a StatusError.
func exchange(ctx context.Context, client *http.Client, method, url, kind string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, &StatusError{method, url, response.StatusCode, string(data)}
	}
	return data, nil
}

// Do sends a request to the API server as its administrator: path begins with
// /api or /apis and may have a query, in is sent as JSON unless nil (a PATCH as
// a merge patch), the answer is decoded into out unless nil. An answer that is
// no success is a *StatusError.
func (c *Cluster) Do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	kind := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		kind = "application/json"
	}
	if method == http.MethodPatch {
		kind = "application/merge-patch+json"
	}
	data, err := exchange(ctx, c.client, method, c.URL+path, kind, body)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Create makes an object from its JSON-like form at the path of its collection,
// such as /api/v1/namespaces/default/pods. One that exists already is well.
func (c *Cluster) Create(ctx context.Context, path string, object any) error {
	err := c.Do(ctx, http.MethodPost, path, object, nil)
	if status, ok := err.(*StatusError); ok && status.Code == http.StatusConflict {
		return nil
	}
	return err
}
