package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sys/unix"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// maxAnswer bounds what is read of an answer: many times what all cases are.
const maxAnswer = 64 << 20

// A Client asks the program that serves a socket. Errors of the server are an
// *Error; ErrNotRunning says that there is no server. It may be used from many
// goroutines.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client for the socket at path. It connects when it asks.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http = &http.Client{
		Timeout:   answerWithin,
		Transport: &http.Transport{DialContext: c.dial, IdleConnTimeout: 10 * time.Second},
	}
	return c
}

// dial connects to the socket, whatever the address says.
func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%w (nobody serves %s)", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w", c.path, ErrForbidden)
	}
	return conn, err
}

// State returns all there is to see.
func (c *Client) State(ctx context.Context) (State, error) {
	return ask[State](ctx, c, http.MethodGet, "/v1/state", nil)
}

// Plan returns what would be done about a signal now.
func (c *Client) Plan(ctx context.Context, signal headroom.Signal, stage string) (engine.Planned, error) {
	query := url.Values{"signal": {string(signal)}, "stage": {stage}}
	return ask[engine.Planned](ctx, c, http.MethodGet, "/v1/plan?"+query.Encode(), nil)
}

// Run asks for an episode. By is what the person says who they are; it may be
// empty, here and below, for the server knows the user.
func (c *Client) Run(ctx context.Context, signal headroom.Signal, by string) (Asked, error) {
	return ask[Asked](ctx, c, http.MethodPost, "/v1/run", order{Signal: string(signal), By: by})
}

// Approve approves a plan of an episode.
func (c *Client) Approve(ctx context.Context, episode, plan, by string) error {
	_, err := ask[nothing](ctx, c, http.MethodPost, "/v1/approve", order{Episode: episode, Plan: plan, By: by})
	return err
}

// Cancel ends the open episode of that ID or signal.
func (c *Client) Cancel(ctx context.Context, which, by string) error {
	_, err := ask[nothing](ctx, c, http.MethodPost, "/v1/cancel", order{Which: which, By: by})
	return err
}

// Pause holds every episode for a time, or until Resume where that is 0.
func (c *Client) Pause(ctx context.Context, d time.Duration, why, by string) (headroom.Pause, error) {
	o := order{Why: why, By: by}
	if d != 0 {
		o.For = d.String()
	}
	return ask[headroom.Pause](ctx, c, http.MethodPost, "/v1/pause", o)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, by string) error {
	_, err := ask[nothing](ctx, c, http.MethodPost, "/v1/resume", order{By: by})
	return err
}

func ask[T any](ctx context.Context, c *Client, method, path string, body any) (answer T, err error) {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return answer, err
		}
		sent = bytes.NewReader(data)
	}
	// The host is a word: dial knows where to.
	request, err := http.NewRequestWithContext(ctx, method, "http://headroom"+path, sent)
	if err != nil {
		return answer, err
	}
	resp, err := c.http.Do(request)
	var where *url.Error
	if errors.As(err, &where) {
		return answer, where.Err
	}
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode == http.StatusOK {
		if err := d.Decode(&answer); err != nil {
			return answer, fmt.Errorf("answer of %s: %w", c.path, err)
		}
		return answer, nil
	}
	refused := &Error{Status: resp.StatusCode}
	if err := d.Decode(refused); err != nil || refused.Message == "" {
		refused.Message = fmt.Sprintf("%s answered %s", c.path, resp.Status)
	}
	return answer, refused
}
