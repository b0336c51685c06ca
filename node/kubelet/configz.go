package kubelet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answerTimeout is how long a kubelet may take to answer, body included.
const answerTimeout = 10 * time.Second

// versionInterval is how often a kubelet that goes on answering is asked for its
// version: making its metrics is work for it.
const versionInterval = time.Hour

// A client asks a running kubelet. Its requests may be concurrent: they share
// connections, for making one costs more than most questions. Only one read at a
// time.
type client struct {
	opts Options
	base string                  // URL without a path
	pair atomic.Pointer[keyPair] // as last read; connections are made in goroutines of their own
	made atomic.Int64            // connections

	mu   sync.Mutex
	http *http.Client // nil until needed and after an error, so that changed files are read again

	// What was answered last and what it says: the same bytes are not parsed
	// again.
	data    []byte
	said    *effectiveDocument
	version string
	asked   time.Time // for the version
	behind  int64     // how many connections had been made then
}

func newClient(o Options) (*client, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("kubelet URL: %w", err)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("kubelet URL: %q does not begin with https:// or http://", o.URL)
	case u.Host == "":
		return nil, fmt.Errorf("kubelet URL: %q names no host", o.URL)
	case u.User != nil:
		return nil, errors.New("kubelet URL: it holds credentials; give a token file or a client certificate")
	case u.Scheme == "http" && o.TokenFile != "":
		return nil, errors.New("kubelet URL: a token is not sent over http, where anybody could read it")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return nil, errors.New("kubelet client certificate: certificate file and key file go together")
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/configz")
	return &client{opts: o, base: u.Scheme + "://" + u.Host + path}, nil
}

// read asks for the configuration and, now and then, for the version.
func (c *client) read(ctx context.Context) (*Configuration, error) {
	d, err := c.configz(ctx)
	if err != nil {
		// The next kubelet to answer may be another one.
		c.asked = time.Time{}
		c.forget()
		return nil, err
	}
	// Behind a new connection may be a new kubelet.
	if made := c.made.Load(); made != c.behind || time.Since(c.asked) > versionInterval {
		// Without a version the thresholds are as good.
		c.version, _ = c.askVersion(ctx)
		c.asked, c.behind = time.Now(), made
	}
	found, err := d.configuration(c.release(d))
	if err != nil {
		return nil, fmt.Errorf("%s/configz: %w", c.base, err)
	}
	found.Version = c.version
	return found, nil
}

// release is the kubelet's by its own account or by ours, else by what it
// answered.
func (c *client) release(d *effectiveDocument) release {
	for _, version := range []string{c.version, c.opts.Version} {
		if r := parseRelease(version); r != 0 {
			return r
		}
	}
	if d.kind == "" {
		return firstWithKind - 1
	}
	return firstWithKind
}

func (c *client) configz(ctx context.Context) (*effectiveDocument, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := c.get(ctx, "/configz")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	name := c.base + "/configz"
	data, err := readAll(answer.Body, name)
	if err != nil {
		return nil, err
	}
	if c.said != nil && bytes.Equal(data, c.data) {
		return c.said, nil
	}
	d, err := parseConfigz(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c.data, c.said = data, d
	return d, nil
}

// An effectiveDocument is a kubelet's own: its defaults, drop-ins and flags are
// merged already.
type effectiveDocument struct {
	document
	kind string // empty before 1.37
}

// firstWithKind is the release since which /configz says of what kind it is.
const firstWithKind release = 37

// parseConfigz takes the document from an answer:
//
//	{"kubeletconfig":{"kind":"KubeletConfiguration","evictionHard":{"nodefs.available":"10%"},…}}
func parseConfigz(data []byte) (*effectiveDocument, error) {
	var z struct {
		KubeletConfig json.RawMessage `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(data, &z); err != nil {
		return nil, fmt.Errorf("not a kubelet's answer: %w", err)
	}
	if z.KubeletConfig == nil || bytes.Equal(z.KubeletConfig, []byte("null")) {
		return nil, errors.New(`not a kubelet's answer: "kubeletconfig" is missing`)
	}
	d := &effectiveDocument{}
	if err := decode(z.KubeletConfig, &d.document); err != nil {
		return nil, err
	}
	var meta struct {
		Kind string `json:"kind"`
	}
	if err := decode(z.KubeletConfig, &meta); err != nil {
		return nil, err
	}
	d.kind = meta.Kind
	return d, nil
}
