package exporter

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestProgramDemandsAPassword(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "--web.config.file="+file(t, fmt.Sprintf("basic_auth_users: {prometheus: %q}\n", hash)))
	for _, c := range []struct {
		user, password string
		want           int
	}{
		{"", "", http.StatusUnauthorized},
		{"prometheus", "wrong", http.StatusUnauthorized},
		{"prometheus", "secret", http.StatusOK},
	} {
		req, err := http.NewRequest("GET", p.url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.user != "" {
			req.SetBasicAuth(c.user, c.password)
		}
		rsp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		rsp.Body.Close()
		if rsp.StatusCode != c.want {
			t.Errorf("%s:%s: %s", c.user, c.password, rsp.Status)
		}
	}
}

func TestProgramServesTLS(t *testing.T) {
	cert, key := pair(t)
	p := start(t, "--web.config.file="+file(t, fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s}\n", cert, key)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	rsp, err := client.Get("https://" + strings.TrimPrefix(p.url, "http://") + "/-/healthy")
	if err != nil {
		t.Fatal(err)
	}
	rsp.Body.Close()
	if rsp.StatusCode != http.StatusOK || rsp.TLS == nil {
		t.Errorf("answer is %+v", rsp)
	}
	client.CloseIdleConnections()
}

func TestProgramDemandsAClientCertificate(t *testing.T) {
	cert, key := pair(t)
	p := start(t, "--web.config.file="+file(t, fmt.Sprintf(
		"tls_server_config: {cert_file: %s, key_file: %s, client_auth_type: RequireAndVerifyClientCert, client_ca_file: %s}\n", cert, key, cert)))
	right, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := tls.LoadX509KeyPair(pair(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		shown  []tls.Certificate
		served bool
	}{
		"none":          {nil, false},
		"another's":     {[]tls.Certificate{wrong}, false},
		"the right one": {[]tls.Certificate{right}, true},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: c.shown}}
		rsp, err := (&http.Client{Transport: transport}).Get("https://" + strings.TrimPrefix(p.url, "http://") + "/metrics")
		if err == nil {
			rsp.Body.Close()
		}
		if served := err == nil && rsp.StatusCode == http.StatusOK; served != c.served {
			t.Errorf("%s: served is %v: %v", name, served, err)
		}
		transport.CloseIdleConnections()
	}
}

func TestProgramHasPages(t *testing.T) {
	p := start(t)
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/":          {http.StatusOK, "headroom-exporter"},
		"/-/healthy": {http.StatusOK, "OK"},
		"/metrics":   {http.StatusOK, "headroom_exporter_build_info{"},
		"/absent":    {http.StatusNotFound, ""},
	} {
		rsp, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rsp.Body)
		rsp.Body.Close()
		if err != nil || rsp.StatusCode != want.status || !strings.Contains(string(body), want.body) {
			t.Errorf("%s: %s, %v: %s", path, rsp.Status, err, body)
		}
	}
}
