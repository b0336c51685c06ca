package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// get answers with a 200 or an error that says what to do.
func (c *client) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	if c.opts.TokenFile != "" {
		token, err := readToken(c.opts.TokenFile)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if c.opts.CertFile != "" {
		c.pair.Store(readPair(c.opts.CertFile, c.opts.KeyFile))
	}
	connected, err := c.connected()
	if err != nil {
		return nil, err
	}
	answer, err := connected.Do(req)
	if err != nil {
		return nil, explain(err)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("%s%s: %s%s", c.base, path, answer.Status, remedyFor(path, answer.StatusCode))
	}
	return answer, nil
}

// readToken reads a bearer token, again each time: projected tokens are renewed.
func readToken(path string) (string, error) {
	data, err := readSmall(path)
	if err != nil {
		return "", fmt.Errorf("kubelet token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("kubelet token: %s is empty", path)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }) {
		return "", fmt.Errorf("kubelet token: %s holds more than one token", path)
	}
	return token, nil
}

// A keyPair is a client certificate, or why there is none.
type keyPair struct {
	certificate *tls.Certificate
	err         error
}

// readPair reads a client certificate, again each time: they are renewed, too.
func readPair(certFile, keyFile string) *keyPair {
	cert, err := readSmall(certFile)
	if err != nil {
		return &keyPair{err: fmt.Errorf("kubelet client certificate: %w", err)}
	}
	key, err := readSmall(keyFile)
	if err != nil {
		return &keyPair{err: fmt.Errorf("kubelet client certificate: %w", err)}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return &keyPair{err: fmt.Errorf("kubelet client certificate: %s and %s: %w", certFile, keyFile, err)}
	}
	return &keyPair{certificate: &pair}
}

// connected returns the HTTP client, made anew after an error.
func (c *client) connected() (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http == nil {
		connected, err := c.connect()
		if err != nil {
			return nil, err
		}
		c.http = connected
	}
	return c.http, nil
}

// connect makes an HTTP client from the files as they are now.
func (c *client) connect() (*http.Client, error) {
	config := &tls.Config{InsecureSkipVerify: c.opts.InsecureSkipVerify}
	if c.opts.CAFile != "" {
		pem, err := readSmall(c.opts.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kubelet CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kubelet CA: %s holds no certificate in PEM", c.opts.CAFile)
		}
	}
	if c.opts.CertFile != "" {
		// An error matters only where a certificate is asked for.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair := c.pair.Load()
			return pair.certificate, pair.err
		}
	}
	return &http.Client{
		// No proxy: the kubelet is this node's. It would compress its metrics for
		// us, which on one machine is only work, for both.
		Transport: &http.Transport{TLSClientConfig: config, MaxIdleConns: 1, DisableCompression: true, DialContext: c.dial},
		// A redirect would carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// dial counts: behind a new connection may be a new kubelet.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.made.Add(1)
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		c.http.CloseIdleConnections()
		c.http = nil
	}
}

func explain(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	if errors.As(err, &unknown) || errors.As(err, &name) {
		return fmt.Errorf("%w (kubelets often sign for themselves: give its CA by --kubelet.ca-file, or --kubelet.insecure-skip-verify)", err)
	}
	return err
}

// remedyFor says what to do about a status that is not 200. The kubelet's
// authorizer names each path after a subresource of the node
// (pkg/kubelet/server/auth.go).
func remedyFor(path string, status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return ": the kubelet does not know who asks: give --kubelet.token-file, or a client certificate"
	case status == http.StatusForbidden && path == summaryPath:
		return ": whoever asks needs \"get\" on nodes/stats"
	case status == http.StatusForbidden && path == metricsPath:
		return ": whoever asks needs \"get\" on nodes/metrics"
	case status == http.StatusForbidden && path == podsPath:
		return ": whoever asks needs \"get\" on nodes/pods (before Kubernetes 1.33: nodes/proxy)"
	case status == http.StatusForbidden:
		return ": whoever asks needs \"get\" on nodes/configz (before Kubernetes 1.33: nodes/proxy)"
	case status == http.StatusNotFound && path == "/configz":
		return ": the kubelet serves it only with enableDebuggingHandlers: true, and never on its read-only port"
	}
	return ""
}
