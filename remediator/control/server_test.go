package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/engine"
)

// A fake engine writes down what it was asked and answers with err.
type fake struct {
	asked []string
	pause headroom.Pause
	err   error
}

func (f *fake) note(format string, args ...any) error {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fake) Plan(_ context.Context, s headroom.Signal, stage string) (engine.Planned, error) {
	return engine.Planned{Signal: s, Missing: 7}, f.note("plan %s %s", s, stage)
}

func (f *fake) Ask(_ context.Context, s headroom.Signal, by string) (headroom.Request, error) {
	return headroom.Request{ID: "r1", Signal: s}, f.note("ask %s by %s", s, by)
}

func (f *fake) Approve(_ context.Context, episode, plan, by string) error {
	return f.note("approve %s %s by %s", episode, plan, by)
}

func (f *fake) Cancel(_ context.Context, which, by string) error {
	return f.note("cancel %s by %s", which, by)
}

func (f *fake) Pause(_ context.Context, p headroom.Pause) error {
	f.pause = p
	return f.note("pause %s by %s", p.Why, p.By)
}

func (f *fake) Resume(_ context.Context, by string) error { return f.note("resume by %s", by) }

func (f *fake) Cases(context.Context) ([]headroom.Case, error) {
	return []headroom.Case{{Node: "node-1", Signal: headroom.NodeFSAvailable}}, f.note("cases")
}

func (f *fake) Control(context.Context) (headroom.Control, error) {
	return headroom.Control{Version: "3"}, f.err
}

func serve(t *testing.T, path string, f *fake) *Client {
	t.Helper()
	l := listen(t, path)
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{Engine: f, Node: "node-1", DryRun: true, Logger: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return NewClient(path)
}

// over is a transport for one connection that is there already.
func over(conn net.Conn) http.RoundTripper {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
}

func TestEveryQuestionReachesTheEngine(t *testing.T) {
	f := &fake{}
	c := serve(t, filepath.Join(folder(t), "socket"), f)
	me := who("/proc", uint32(os.Geteuid()), int32(os.Getpid()))

	st, err := c.State(t.Context())
	want := State{Node: "node-1", DryRun: true, Control: headroom.Control{Version: "3"}, Cases: []headroom.Case{{Node: "node-1", Signal: headroom.NodeFSAvailable}}}
	if diff := cmp.Diff(want, st); err != nil || diff != "" {
		t.Errorf("state: %v\n%s", err, diff)
	}
	if planned, err := c.Plan(t.Context(), headroom.NodeFSAvailable, "before"); err != nil || planned.Missing != 7 {
		t.Errorf("plan: %+v, %v", planned, err)
	}
	if asked, err := c.Run(t.Context(), headroom.NodeFSAvailable, `Al "the pal"`); err != nil || asked.Request.ID != "r1" || !asked.DryRun {
		t.Errorf("run: %+v, %v", asked, err)
	}
	if err := c.Approve(t.Context(), "ep", "01234567", ""); err != nil {
		t.Errorf("approve: %v", err)
	}
	if err := c.Cancel(t.Context(), "ep", ""); err != nil {
		t.Errorf("cancel: %v", err)
	}
	p, err := c.Pause(t.Context(), 2*time.Hour, "an upgrade", "")
	if err != nil || p.Until.Sub(p.Since) != 2*time.Hour || !p.Since.Equal(f.pause.Since) {
		t.Errorf("pause: %+v, %v", p, err)
	}
	if p, err := c.Pause(t.Context(), 0, "", ""); err != nil || !p.Until.IsZero() {
		t.Errorf("pause without end: %+v, %v", p, err)
	}
	if err := c.Resume(t.Context(), ""); err != nil {
		t.Errorf("resume: %v", err)
	}
	if diff := cmp.Diff([]string{
		"cases",
		"plan nodefs.available before",
		"ask nodefs.available by " + me + `, says "Al \"the pal\""`,
		"approve ep 01234567 by " + me,
		"cancel ep by " + me,
		"pause an upgrade by " + me,
		"pause  by " + me,
		"resume by " + me,
	}, f.asked); diff != "" {
		t.Error(diff)
	}
}

func TestAnErrorKeepsItsWordsAndItsKind(t *testing.T) {
	cases := map[string]struct {
		err  error
		exit int
	}{
		"nothing of the kind": {headroom.ErrNotFound, ExitNotFound},
		"never right":         {headroom.ErrInvalid, ExitWrong},
		"changed meanwhile":   {headroom.ErrConflict, ExitFailed},
		"anything else":       {errors.New("the journal is away"), ExitFailed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client := serve(t, filepath.Join(folder(t), "socket"), &fake{err: fmt.Errorf("episode \"x\": %w", c.err)})
			err := client.Cancel(t.Context(), "x", "")
			if err == nil || err.Error() != `episode "x": `+c.err.Error() || ExitStatus(err) != c.exit {
				t.Errorf("%v, exit status %d, want %d", err, ExitStatus(err), c.exit)
			}
			if c.exit != ExitFailed && !errors.Is(err, c.err) {
				t.Errorf("%v is not %v any more", err, c.err)
			}
		})
	}
}

func TestNobodyServes(t *testing.T) {
	dir := folder(t)
	for name, path := range map[string]string{"no socket": filepath.Join(dir, "none"), "no folder": filepath.Join(dir, "none", "socket")} {
		if _, err := NewClient(path).State(t.Context()); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(dir, "socket")
	l := listen(t, path)
	l.UnixListener.Close() // which leaves the socket, as a kill does
	if _, err := NewClient(path).State(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a socket left behind: %v", err)
	}
}

// request asks the routes without a socket, as a peer.
func request(f *fake, p *peer, method, path, body string) *httptest.ResponseRecorder {
	s := &Server{Engine: f, Node: "node-1", Logger: slog.New(slog.DiscardHandler)}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if p != nil {
		r = r.WithContext(context.WithValue(r.Context(), peerKey{}, *p))
	}
	w := httptest.NewRecorder()
	s.routes().ServeHTTP(w, r)
	return w
}

func TestAPeerThatMayNot(t *testing.T) {
	for name, p := range map[string]*peer{"another user": {uid: uint32(os.Geteuid()) + 1000}, "nobody knows who": nil} {
		for _, path := range []string{"/v1/state", "/v1/nowhere", "/"} {
			f := &fake{}
			if got := request(f, p, "GET", path, ""); got.Code != http.StatusForbidden || f.asked != nil {
				t.Errorf("%s: GET %s: %d, and the engine was asked %q", name, path, got.Code, f.asked)
			}
		}
	}
}

func TestRefusedBeforeTheEngineIsAsked(t *testing.T) {
	cases := map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"a signal that does not exist":      {"POST", "/v1/run", `{"signal":"disk"}`, 400, `unknown eviction signal \"disk\"`},
		"a plan for no signal":              {"GET", "/v1/plan?stage=at", "", 400, "unknown eviction signal"},
		"too little of a plan's hash":       {"POST", "/v1/approve", `{"episode":"e","plan":"0123456"}`, 400, "at least 8 digits"},
		"a pause of no time":                {"POST", "/v1/pause", `{"for":"0s"}`, 400, "--for"},
		"a pause into the past":             {"POST", "/v1/pause", `{"for":"-1h"}`, 400, "--for"},
		"a pause of a word":                 {"POST", "/v1/pause", `{"for":"long"}`, 400, "--for"},
		"a name that a terminal would obey": {"POST", "/v1/resume", `{"by":"\u001b[2J"}`, 400, "--by"},
		"a reason of two lines":             {"POST", "/v1/pause", `{"why":"a\nb"}`, 400, "--why"},
		"a reason that is a book":           {"POST", "/v1/pause", `{"why":"` + strings.Repeat("x", 201) + `"}`, 400, "at most 200 bytes"},
		"a field that does not exist":       {"POST", "/v1/cancel", `{"wich":"e"}`, 400, "wich"},
		"two bodies":                        {"POST", "/v1/cancel", `{} {}`, 400, "more than one"},
		"no body":                           {"POST", "/v1/cancel", ``, 400, "body"},
		"a body without end":                {"POST", "/v1/cancel", `{"which":"` + strings.Repeat("x", maxBody) + `"}`, 400, "too large"},
		"a path of another version":         {"GET", "/v2/state", "", 501, "different versions"},
		"another method":                    {"DELETE", "/v1/state", "", 501, "different versions"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			got := request(f, &peer{uid: 0, who: "root"}, c.method, c.path, c.body)
			if got.Code != c.status || !strings.Contains(got.Body.String(), c.want) || f.asked != nil {
				t.Errorf("%d %s, and the engine was asked %q; want %d and %q", got.Code, got.Body, f.asked, c.status, c.want)
			}
		})
	}
}

// Whoever connects and says nothing, or goes on for ever, keeps nobody else out
// and is gone when the server ends.
func TestWhoSaysNothingIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(folder(t), "socket")
	client := serve(t, path, &fake{})
	for range 50 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.Copy(conn, bytes.NewReader([]byte("POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")))
	}
	if _, err := client.State(t.Context()); err != nil {
		t.Error(err)
	}
}
