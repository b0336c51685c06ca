package webhook

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// answerTo serves one request from loopback without a network.
func answerTo(s Sink, body []byte) int {
	h := New(s, &Auth{kind: None}, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	r := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	mounted(h).ServeHTTP(w, r)
	return w.Code
}

func TestAWebConfigurationThatWouldLetStrangersInIsRefused(t *testing.T) {
	dir := t.TempDir()
	pki := newPKI(t, dir)
	writeFile(t, dir, "token", 0o600, "secret\n")
	writeFile(t, dir, "empty.pem", 0o600, "no certificate\n")
	for sentence, c := range map[string]struct {
		config string
		token  bool
		kind   Kind
		err    string // after "web configuration FILE: ", with DIR for the folder
	}{
		"nothing is no authentication":            {config: "", kind: None},
		"TLS is no authentication":                {config: pki.server, kind: None},
		"a token is enough":                       {token: true, kind: BearerToken},
		"a token may travel over TLS":             {config: pki.server, token: true, kind: BearerToken},
		"users are enough":                        {config: users, kind: BasicAuth},
		"a verified certificate is enough":        {config: pki.server + pki.clients, kind: ClientCertificate},
		"a token and users are two kinds":         {config: users, token: true, err: "2 kinds of authentication at once: the bearer token in DIR/token and basic_auth_users in DIR/web.yml: keep one"},
		"a token and certificates are two":        {config: pki.server + pki.clients, token: true, err: "2 kinds of authentication at once: the bearer token in DIR/token and client_auth_type in DIR/web.yml: keep one"},
		"users and certificates are two":          {config: pki.server + pki.clients + users, err: "2 kinds of authentication at once: basic_auth_users in DIR/web.yml and client_auth_type in DIR/web.yml: keep one"},
		"all three are three":                     {config: pki.server + pki.clients + users, token: true, err: "3 kinds of authentication at once: the bearer token in DIR/token and basic_auth_users in DIR/web.yml and client_auth_type in DIR/web.yml: keep one"},
		"a rate limit makes Alertmanager give up": {config: users + "rate_limit: {interval: 1s, burst: 5}\n", err: "web configuration DIR/web.yml: rate_limit: interval 1s, burst 5: it answers 429, after which Alertmanager drops the alerts: remove it"},
		"a rate limit of nothing limits nothing":  {config: users + "rate_limit: {interval: 0s}\n", kind: BasicAuth},
		"any certificate is none":                 {config: pki.server + "  client_auth_type: RequireAnyClientCert\n", err: `DIR/web.yml: client_auth_type: "RequireAnyClientCert" lets in senders without a verified certificate: use RequireAndVerifyClientCert, or add basic_auth_users`},
		"a certificate if given is none":          {config: pki.server + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n", err: `DIR/web.yml: client_auth_type: "VerifyClientCertIfGiven" lets in senders without a verified certificate: use RequireAndVerifyClientCert, or add basic_auth_users`},
		"a certificate if given adds to users":    {config: pki.server + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n" + users, kind: BasicAuth},
		"everybody's authority is nobody's":       {config: pki.server + "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a]\n", err: "web configuration DIR/web.yml: tls_server_config: client_ca_file: missing: name the authority that signs the senders' certificates"},
		"an authority signs for others, too":      {config: pki.server + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n", err: "web configuration DIR/web.yml: tls_server_config: client_allowed_sans: missing: list the names in the certificates of those who may send alerts"},
		"a list of nobody lets nobody in":         {config: pki.server + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: []\n", err: "web configuration DIR/web.yml: tls_server_config: client_allowed_sans: missing: list the names in the certificates of those who may send alerts"},
		"an authority has a certificate":          {config: pki.server + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: empty.pem\n  client_allowed_sans: [a]\n", err: "web configuration DIR/web.yml: tls_server_config: client_ca_file: holds no PEM certificate: nobody could send alerts"},
		"an authority can be read":                {config: pki.server + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: gone.pem\n  client_allowed_sans: [a]\n", err: "web configuration DIR/web.yml: open DIR/gone.pem: no such file or directory"},
		"an unknown key is refused":               {config: "basic_auth: {}\n", err: "web configuration DIR/web.yml: yaml: unmarshal errors:\n  line 1: field basic_auth not found in type web.Config"},
		"a password is a bcrypt hash":             {config: "basic_auth_users: {a: plain}\n", err: "web configuration DIR/web.yml: crypto/bcrypt: hashedSecret too short to be a bcrypted password"},
	} {
		t.Run(sentence, func(t *testing.T) {
			token := ""
			if c.token {
				token = filepath.Join(dir, "token")
			}
			auth, err := Inspect(writeFile(t, dir, "web.yml", 0o644, c.config), token)
			if c.err != "" {
				if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != c.err {
					t.Errorf("got  %v\nwant %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if auth.Kind() != c.kind {
				t.Errorf("got %s, want %s", auth.Kind(), c.kind)
			}
		})
	}
}

func TestAFileThatCannotBeTrustedIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for sentence, c := range map[string]struct {
		token, config string
		err           string
	}{
		"a token file is there":             {token: filepath.Join(dir, "gone"), err: "token file DIR/gone: no such file or directory"},
		"a token file is a file":            {token: dir, err: "token file DIR: a directory: must be a file"},
		"a token file is no pipe":           {token: filepath.Join(dir, "pipe"), err: "token file DIR/pipe: a file of type p---------: must be a file"},
		"a token file says something":       {token: writeFile(t, dir, "empty", 0o600, " \n"), err: "token file DIR/empty: empty: write a token into it, such as one from: head -c 32 /dev/urandom | base64"},
		"a token is a secret":               {token: writeFile(t, dir, "readable", 0o644, "x"), err: "token file DIR/readable: mode 0644 lets others read it: chmod o-rw DIR/readable"},
		"a token is not everybody's to set": {token: writeFile(t, dir, "writable", 0o602, "x"), err: "token file DIR/writable: mode 0602 lets others write it: chmod o-rw DIR/writable"},
		"a token is neither":                {token: writeFile(t, dir, "open", 0o666, "x"), err: "token file DIR/open: mode 0666 lets others read and write it: chmod o-rw DIR/open"},
		"a token is one line":               {token: writeFile(t, dir, "two", 0o600, "one\ntwo\n"), err: `token file DIR/two: byte 4 ('\n') cannot be a part of a token: it must be one line of visible ASCII`},
		"a token is no image":               {token: writeFile(t, dir, "large", 0o600, strings.Repeat("x", 5000)), err: "token file DIR/large: larger than 4096 bytes: is it the right file?"},
		"a web configuration is there":      {config: filepath.Join(dir, "gone"), err: "web configuration DIR/gone: no such file or directory"},
		"a web configuration is not common": {config: writeFile(t, dir, "common", 0o646, users), err: "web configuration DIR/common: mode 0646 lets others write it: chmod o-rw DIR/common"},
		"a web configuration is no folder":  {config: dir, err: "web configuration DIR: a directory: must be a file"},
		"a web configuration is no secret":  {config: writeFile(t, dir, "read", 0o644, users)},
		"a token may be read by its group":  {token: writeFile(t, dir, "group", 0o640, "x")},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := Inspect(c.config, c.token)
			if got := strings.ReplaceAll(said(err), dir, "DIR"); got != c.err {
				t.Errorf("got  %s\nwant %s", got, c.err)
			}
		})
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// writeFile returns the path of a new file with exactly this mode.
func writeFile(t *testing.T, dir, name string, mode os.FileMode, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyTheBearerOfTheTokenIsServed(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "token", 0o600, "old-secret\n")
	auth, err := Inspect("", path)
	if err != nil {
		t.Fatal(err)
	}
	h := New(&memory{}, auth, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	send := func(authorization ...string) (int, string) {
		r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(group(alert())))
		r.Header["Content-Type"] = []string{"application/json"}
		r.Header["Authorization"] = authorization
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Header().Get("WWW-Authenticate")
	}
	refused := func(sentence string, authorization ...string) {
		t.Helper()
		if code, challenge := send(authorization...); code != 401 || !strings.HasPrefix(challenge, `Bearer realm="headroom"`) {
			t.Errorf("%s: got %d, WWW-Authenticate: %s", sentence, code, challenge)
		}
	}
	served := func(sentence string, authorization ...string) {
		t.Helper()
		if code, _ := send(authorization...); code != 202 {
			t.Errorf("%s: got %d", sentence, code)
		}
	}
	served("the token", "Bearer old-secret")
	served("the scheme in small letters", "bearer old-secret")
	refused("nothing")
	refused("an empty header", "")
	refused("an empty token", "Bearer ")
	refused("a part of the token", "Bearer old-secre")
	refused("more than the token", "Bearer old-secrett")
	refused("the token as a password", "Basic old-secret")
	refused("the token alone", "old-secret")
	refused("two tokens", "Bearer wrong", "Bearer old-secret")

	writeFile(t, dir, "token", 0o600, "new-secret\n")
	served("a token that was replaced", "Bearer new-secret")
	refused("the token before", "Bearer old-secret")

	// From here the fault is not the sender's: it is to come again, and nobody
	// is let in meanwhile.
	for sentence, spoil := range map[string]func(){
		"a token file that was opened to all": func() { writeFile(t, dir, "token", 0o644, "new-secret\n") },
		"a token file that was emptied":       func() { writeFile(t, dir, "token", 0o600, "") },
		"a token file that is gone":           func() { os.Remove(path) },
	} {
		spoil()
		for _, sent := range []string{"Bearer new-secret", "Bearer ", "Bearer wrong"} {
			if code, _ := send(sent); code != 503 {
				t.Errorf("%s: %q: got %d", sentence, sent, code)
			}
		}
	}
	writeFile(t, dir, "token", 0o600, "new-secret\n")
	served("a token file that was repaired", "Bearer new-secret")
}

func TestWithoutAuthenticationOnlyLoopbackIsServed(t *testing.T) {
	none, err := Inspect("", "")
	if err != nil {
		t.Fatal(err)
	}
	for sentence, c := range map[string]struct {
		auth   *Auth
		remote string
		code   int
	}{
		"this machine is served":                {none, "127.0.0.1:4711", 202},
		"this machine is served over IPv6":      {none, "[::1]:4711", 202},
		"another machine is not":                {none, "192.0.2.1:4711", 403},
		"an unknown sender is not":              {none, "@", 403},
		"an Auth that nobody made lets none in": {&Auth{}, "127.0.0.1:4711", 403},
		"no Auth at all lets none in":           {nil, "127.0.0.1:4711", 403},
	} {
		t.Run(sentence, func(t *testing.T) {
			h := New(&memory{}, c.auth, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(group(alert())))
			r.Header.Set("Content-Type", "application/json")
			r.RemoteAddr = c.remote
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.code {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.code)
			}
		})
	}
}
