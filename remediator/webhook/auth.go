package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// A Kind is how the sender of a notification is known.
type Kind string

// The kinds there are. BasicAuth and ClientCertificate are checked by
// exporter-toolkit's server, BearerToken by Auth.
const (
	None              Kind = "none"
	BearerToken       Kind = "bearer token"
	BasicAuth         Kind = "basic auth"
	ClientCertificate Kind = "client certificate"
)

// Auth decides who may send notifications. The zero Auth and a nil one let
// nobody in. It keeps no secret: files are read again for every request, so
// that they can be replaced while the program runs.
type Auth struct {
	kind      Kind
	webConfig string
	tokenFile string
}

// Inspect finds out which kind of authentication a web configuration file of
// exporter-toolkit and a file with a bearer token ask for; either may be "".
// It is an error if there are two kinds, and if there is one that would let
// strangers in or turn Alertmanager away without need. With no kind at all it
// returns an Auth of kind None, which lets in loopback: the caller must then
// listen there only, and do nothing but dry runs.
func Inspect(webConfigFile, tokenFile string) (*Auth, error) {
	a := &Auth{kind: None, webConfig: webConfigFile, tokenFile: tokenFile}
	var found []string
	if tokenFile != "" {
		if _, err := readToken(tokenFile); err != nil {
			return nil, err
		}
		a.kind = BearerToken
		found = append(found, "the bearer token in "+tokenFile)
	}
	if webConfigFile != "" {
		config, err := validWebConfig(webConfigFile)
		if err != nil {
			return nil, err
		}
		if len(config.Users) > 0 {
			a.kind = BasicAuth
			found = append(found, "basic_auth_users in "+webConfigFile)
		}
		if config.TLSConfig.ClientAuth == verifiedCertificate {
			a.kind = ClientCertificate
			found = append(found, "client_auth_type in "+webConfigFile)
		}
		if auth := config.TLSConfig.ClientAuth; len(found) == 0 && auth != "" && auth != "NoClientCert" {
			return nil, fmt.Errorf("%s: client_auth_type: %q lets in senders without a verified certificate: use %s, or add basic_auth_users", webConfigFile, auth, verifiedCertificate)
		}
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("%d kinds of authentication at once: %s: keep one", len(found), strings.Join(found, " and "))
	}
	return a, nil
}

// Kind returns how senders are known.
func (a *Auth) Kind() Kind { return a.kind }

// admit returns a refusal unless r comes from a sender that is known. It does
// not trust that the server in front has done its part: a web configuration is
// read anew for every request, and one that was emptied meanwhile would let
// everybody through.
func (a *Auth) admit(r *http.Request) error {
	if a == nil {
		a = &Auth{}
	}
	switch a.kind {
	case None:
		return admitLoopback(r)
	case BearerToken:
		return a.admitToken(r)
	case BasicAuth:
		if _, _, ok := r.BasicAuth(); !ok {
			return unauthorized(`Basic realm="headroom"`, "Authorization: missing: send the user name and password of basic_auth_users")
		}
		return a.unchanged()
	case ClientCertificate:
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return refuse(http.StatusForbidden, "client certificate: missing: send one that client_ca_file has signed")
		}
		return a.unchanged()
	}
	return refuse(http.StatusForbidden, "no authentication is set up")
}

// unchanged is an error if the web configuration no longer asks for what it
// asked for at the start. The sender is told to come back: it is not its fault.
func (a *Auth) unchanged() error {
	config, err := readWebConfig(a.webConfig)
	if err == nil && a.kind == BasicAuth && len(config.Users) == 0 {
		err = errors.New("basic_auth_users: missing: they were there at the start")
	}
	if err == nil && a.kind == ClientCertificate {
		err = checkClientCertificates(config)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", a.webConfig, err)
		return &refusal{code: http.StatusServiceUnavailable, problem: "the web configuration has changed for the worse: see the log, try again", cause: err}
	}
	return nil
}

func (a *Auth) admitToken(r *http.Request) error {
	token, err := readToken(a.tokenFile)
	if err != nil {
		return &refusal{code: http.StatusServiceUnavailable, problem: "the token file cannot be used: see the log, try again", cause: err}
	}
	const challenge = `Bearer realm="headroom"`
	sent := r.Header.Values("Authorization")
	if len(sent) == 0 {
		return unauthorized(challenge, "Authorization: missing: must be a bearer token")
	}
	scheme, credentials, _ := strings.Cut(sent[0], " ")
	if len(sent) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return unauthorized(challenge, "Authorization: must be one bearer token")
	}
	if !token.is(strings.TrimSpace(credentials)) {
		return unauthorized(challenge+`, error="invalid_token"`, "Authorization: wrong bearer token")
	}
	return nil
}

// admitLoopback is the second lock: a listener handed over by systemd, or a
// mistake, may be reachable from elsewhere.
func admitLoopback(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err == nil && ip.IsLoopback() && !slices.ContainsFunc(forwarded, func(h string) bool { return r.Header.Get(h) != "" }) {
		return nil
	}
	return refuse(http.StatusForbidden, "sender: %s: without authentication only this machine is served: set --webhook.token-file, or basic_auth_users or client certificates in --web.config.file", quote(r.RemoteAddr))
}

// forwarded are headers of a proxy on this machine, behind which anyone may be.
var forwarded = []string{"Forwarded", "X-Forwarded-For"}

func unauthorized(challenge, problem string) error {
	return &refusal{code: http.StatusUnauthorized, challenge: challenge, problem: problem}
}
