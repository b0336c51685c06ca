package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func client(t *testing.T, base, config string) *Client {
	t.Helper()
	c, err := New(base, config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fetch(t *testing.T, c *Client, receiver string) (string, error) {
	t.Helper()
	body, err := c.Alerts(t.Context(), receiver)
	if err != nil {
		return "", err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	return string(b), err
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func file(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAReceiverIsAskedForByItsNameAndNothingElse(t *testing.T) {
	var got *http.Request
	base := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r; io.WriteString(w, "[]") })
	for receiver, want := range map[string]string{
		"headroom":             "headroom",
		"a.b|.*":               `a\.b\|\.\*`,
		"x&active=false&y=../": `x&active=false&y=\.\./`,
		"größe\n\x00":          "größe\n\x00",
		"a) or (b":             `a\) or \(b`,
	} {
		if b, err := fetch(t, client(t, base+"/prefix/", ""), receiver); err != nil || b != "[]" {
			t.Errorf("%q: %q, %v", receiver, b, err)
		}
		q := got.URL.Query()
		if got.Method != "GET" || got.URL.Path != "/prefix/api/v2/alerts" || len(q) != 4 || q.Get("receiver") != want ||
			q.Get("active") != "true" || q.Get("silenced") != "false" || q.Get("inhibited") != "false" {
			t.Errorf("%q: asked %s %s", receiver, got.Method, got.URL)
		}
	}
	got = nil
	for _, receiver := range []string{"", strings.Repeat("x", maxReceiver+1)} {
		if _, err := fetch(t, client(t, base, ""), receiver); !errors.Is(err, ErrUnusable) || got != nil {
			t.Errorf("a receiver of %d bytes: %v", len(receiver), err)
		}
	}
}

func TestWhatAskingAgainWouldNotBetterIsUnusable(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("another host was asked") })
	for sentence, c := range map[string]struct {
		answer   http.HandlerFunc
		unusable bool
		err      string // "" is none
	}{
		"200 is an answer":          {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "[]") }, false, ""},
		"it may be down for now":    {code(503), false, "answered 503 Service Unavailable"},
		"it may be broken for now":  {code(500), false, "answered 500 Internal Server Error"},
		"it may have a crowd":       {code(429), false, "answered 429 Too Many Requests"},
		"a secret may be wrong":     {code(401), true, "answered 401 Unauthorized: unusable"},
		"it may be somewhere else":  {code(404), true, "answered 404 Not Found: unusable"},
		"it may not like the query": {code(400), true, "answered 400 Bad Request: unusable"},
		"nothing is not a list":     {code(204), true, "answered 204 No Content: unusable"},
		"another host is not asked": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other+r.URL.Path, http.StatusFound) },
			true, "redirected to " + other + ": name that one if it is the right one: unusable"},
		"nor with another scheme": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusFound)
		},
			true, "redirected to https://HOST: name that one if it is the right one: unusable"},
		"a circle is left": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
			true, "redirected 4 times: unusable"},
		"its own host may redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v2/alerts" {
				http.Redirect(w, r, "/moved?"+r.URL.RawQuery, http.StatusFound)
				return
			}
			io.WriteString(w, "[]")
		}, false, ""},
		"an answer may be cut off": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "[")
		}, false, "unexpected EOF"},
		"an answer without end is not read to it": {func(w http.ResponseWriter, r *http.Request) {
			for b := []byte(strings.Repeat("x", 64<<10)); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}, true, "answer of more than 16777216 bytes: unusable"},
	} {
		t.Run(sentence, func(t *testing.T) {
			base := serve(t, c.answer)
			_, err := fetch(t, client(t, base, ""), "r")
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), strings.TrimPrefix(base, "http://"), "HOST")
			}
			if got != c.err || errors.Is(err, ErrUnusable) != c.unusable {
				t.Errorf("got %q, unusable %v; want %q, %v", got, errors.Is(err, ErrUnusable), c.err, c.unusable)
			}
		})
	}
	base := serve(t, code(200))
	gone := httptest.NewServer(code(200))
	gone.Close()
	if _, err := fetch(t, client(t, gone.URL, ""), "r"); err == nil || errors.Is(err, ErrUnusable) {
		t.Errorf("where nobody listens now, somebody may later: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, base, "").Alerts(ctx, "r"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func code(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(n) }
}

// A hanger is a transport that never answers, or begins to and goes no further,
// until the request's context ends. (Time stands still in a bubble while real
// connections are open.)
type hanger struct{ begins bool }

func (h hanger) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.begins {
		return &http.Response{StatusCode: 200, Body: hung{r.Context()}, Request: r}, nil
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

type hung struct{ ctx context.Context }

func (h hung) Read([]byte) (int, error) { <-h.ctx.Done(); return 0, h.ctx.Err() }
func (h hung) Close() error             { return nil }

func TestAnAnswerIsNotWaitedForWithoutEnd(t *testing.T) {
	for sentence, transport := range map[string]hanger{"no answer": {}, "half a body": {begins: true}} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, "http://alertmanager", "")
				c.client.Transport = transport
				began := time.Now()
				_, err := fetch(t, c, "r")
				if text(err) != "no whole answer within 5s" || errors.Is(err, ErrUnusable) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took != timeout {
					t.Errorf("after %s", took)
				}
			})
		})
	}
}

func TestASecretIsReadAgainForEveryRequest(t *testing.T) {
	dir := t.TempDir()
	secret := file(t, dir, "token", "one", 0o600)
	var got string
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		io.WriteString(w, "[]")
	})
	c := client(t, base, file(t, dir, "http.yml", "authorization: {credentials_file: token}\n", 0o644))
	for _, want := range []string{"one", "two"} {
		file(t, dir, "token", want, 0o600)
		if _, err := fetch(t, c, "r"); err != nil || got != "Bearer "+want {
			t.Errorf("sent %q, %v; want %s", got, err, want)
		}
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	got = "nothing"
	if _, err := fetch(t, c, "r"); err == nil || got != "nothing" || errors.Is(err, ErrUnusable) {
		t.Errorf("without its secret it asked: %q, %v", got, err)
	}
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	dir := t.TempDir()
	for base, want := range map[string]string{
		"localhost:9093":                `"localhost:9093": must be one such as http://localhost:9093`,
		"/api":                          `"/api": must be one such as http://localhost:9093`,
		"file:///etc/passwd":            `"file:///etc/passwd": must be one such as http://localhost:9093`,
		"http://:9093":                  `"http://:9093": must be one such as http://localhost:9093`,
		"http://user:secret@host":       `"http://user:xxxxx@host": must not have a user in it: name a file with basic_auth`,
		"http://host/?receiver=a":       `"http://host/?receiver=a": must not have a query or a fragment`,
		"http://host/#a":                `"http://host/#a": must not have a query or a fragment`,
		"http://ho st":                  `"http://ho st": not a URL: invalid character " " in host name`,
		"https://host:9093/some/prefix": "",
	} {
		_, err := New(base, "")
		if got := text(err); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", base, got, want)
		}
	}
	writable := file(t, dir, "writable", "{}", 0o646)
	for path, want := range map[string]string{
		filepath.Join(dir, "gone"): "no such file or directory",
		dir:                        "must be a regular file",
		writable:                   "mode 0646 lets others write it: chmod o-w " + writable,
		file(t, dir, "unknown", "athorization: {}", 0o600):                           "yaml: unmarshal errors:\n  line 1: field athorization not found in type config.plain",
		file(t, dir, "two", "{basic_auth: {username: a}, authorization: {}}", 0o600): "at most one of basic_auth, oauth2 & authorization must be configured",
		file(t, dir, "empty", "", 0o600):                                             "",
	} {
		_, err := New("http://host", path)
		if want != "" {
			want = fmt.Sprintf("HTTP configuration %s: %s", path, want)
		}
		if got := text(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
