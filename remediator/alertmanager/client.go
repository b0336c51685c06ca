// Package alertmanager asks Alertmanager itself which alerts of a receiver are
// active, when a notification did not have room for all of them.
package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/version"
)

// ErrUnusable says that asking again would bring the same: the request is
// refused, redirected elsewhere, or its answer is not one of Alertmanager's. Any
// other error may pass.
var ErrUnusable = errors.New("unusable")

const (
	// timeout is how long an answer may take to arrive as a whole.
	timeout = 5 * time.Second
	// maxAnswer is 10,000 alerts and more as Alertmanager writes them.
	maxAnswer = 16 << 20
	// maxReceiver is longer than any receiver's name that somebody has to type.
	maxReceiver = 1 << 10
)

// A Client asks one Alertmanager. It can be used from many goroutines.
type Client struct {
	url    *url.URL
	client *http.Client
}

// New returns a client for an Alertmanager at base, such as
// http://localhost:9093/prefix. httpConfig is a file in Prometheus's format of
// http_config (authorization, basic_auth, oauth2, tls_config, …), or "". The
// files it names are read again for every request.
func New(base, httpConfig string) (*Client, error) {
	u, err := parse(base)
	if err != nil {
		return nil, err
	}
	c, err := newHTTPClient(httpConfig)
	if err != nil {
		return nil, err
	}
	return &Client{url: u.JoinPath("api/v2/alerts"), client: c}, nil
}

func parse(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	var bad *url.Error
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("%q: not a URL: %w", base, bad.Err)
	case err != nil:
		return nil, fmt.Errorf("%q: not a URL: %w", base, err)
	case u.User != nil:
		return nil, fmt.Errorf("%q: must not have a user in it: name a file with basic_auth", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("%q: must be one such as http://localhost:9093", base)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q: must not have a query or a fragment", base)
	}
	return u, nil
}

func newHTTPClient(file string) (*http.Client, error) {
	c := config.DefaultHTTPClientConfig
	if file != "" {
		read, err := readConfig(file)
		if err != nil {
			return nil, fmt.Errorf("HTTP configuration %s: %w", file, err)
		}
		c = *read
	}
	client, err := config.NewClientFromConfig(c, "alertmanager",
		config.WithKeepAlivesDisabled(), // it is asked once in a long while
		config.WithUserAgent("headroom-remediator/"+version.Version))
	if err != nil {
		return nil, fmt.Errorf("HTTP configuration %s: %w", file, err)
	}
	if c.FollowRedirects {
		client.CheckRedirect = sameHost
	}
	return client, nil
}

// readConfig refuses a file that others may write: it says which secrets are
// sent, and by which proxy.
func readConfig(file string) (*config.HTTPClientConfig, error) {
	info, err := os.Stat(file)
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		return nil, path.Err
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("must be a regular file")
	case info.Mode()&0o002 != 0:
		return nil, fmt.Errorf("mode %#o lets others write it: chmod o-w %s", info.Mode().Perm(), file)
	}
	c, _, err := config.LoadHTTPConfigFile(file)
	return c, err
}

// sameHost follows a redirect within the host that the flag names and no other:
// what is asked for, and with which secrets, is meant for that one.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return fmt.Errorf("redirected to %s://%s: name that one if it is the right one: %w", next.URL.Scheme, next.URL.Host, ErrUnusable)
	}
	if len(before) > 3 {
		return fmt.Errorf("redirected %d times: %w", len(before), ErrUnusable)
	}
	return nil
}

// Alerts returns what Alertmanager says about the active alerts of a receiver: a
// JSON list as its API has it, of at most 16 MiB and within five seconds. Beyond
// these reading fails, with [ErrUnusable] for the size. The caller closes it.
//
// The receiver's name comes with a notification. It is sent as a pattern that
// matches nothing but itself.
func (c *Client) Alerts(ctx context.Context, receiver string) (io.ReadCloser, error) {
	if receiver == "" || len(receiver) > maxReceiver {
		return nil, fmt.Errorf("receiver of %d bytes: must have 1 to %d: %w", len(receiver), maxReceiver, ErrUnusable)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no whole answer within %s", timeout))
	body, err := c.ask(ctx, receiver)
	if err != nil {
		defer cancel()
		return nil, reason(ctx, err)
	}
	return &answer{ctx: ctx, cancel: cancel, body: body, left: maxAnswer}, nil
}

func (c *Client) ask(ctx context.Context, receiver string) (io.ReadCloser, error) {
	u := *c.url
	u.RawQuery = url.Values{
		"active": {"true"}, "silenced": {"false"}, "inhibited": {"false"},
		"receiver": {regexp.QuoteMeta(receiver)},
	}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, refused(res)
	}
	return res.Body, nil
}

// refused is the error of an answer other than 200.
func refused(res *http.Response) error {
	switch code := res.StatusCode; {
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return fmt.Errorf("answered %s", res.Status)
	default:
		return fmt.Errorf("answered %s: %w", res.Status, ErrUnusable)
	}
}

// reason leaves out the request's URL and, if time was up, says how much there
// was.
func reason(ctx context.Context, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

// An answer is a body that ends too soon rather than too late.
type answer struct {
	ctx    context.Context
	cancel context.CancelFunc
	body   io.ReadCloser
	left   int64
}

func (a *answer) Read(b []byte) (int, error) {
	if a.left <= 0 {
		return 0, fmt.Errorf("answer of more than %d bytes: %w", int64(maxAnswer), ErrUnusable)
	}
	n, err := a.body.Read(b[:min(int64(len(b)), a.left)])
	a.left -= int64(n)
	if err != nil && err != io.EOF {
		err = reason(a.ctx, err)
	}
	return n, err
}

func (a *answer) Close() error {
	defer a.cancel()
	return a.body.Close()
}
