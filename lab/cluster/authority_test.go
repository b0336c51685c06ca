package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// serve starts a server that shows pair and wants a certificate of the authority.
func serve(t *testing.T, a *authority, pair KeyPair) *httptest.Server {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(a.CA())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject := r.TLS.PeerCertificates[0].Subject
		w.Write([]byte(subject.CommonName + " of " + subject.Organization[0]))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestClientAndServerOfOneAuthorityTrustEachOther(t *testing.T) {
	a, err := newAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if a, err = openAuthority(a.dir); err != nil { // as another process does
		t.Fatal(err)
	}
	server, err := a.pair("server", "server", nil, "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	user, err := a.pair("user", "system:node:n1", []string{"system:nodes"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := newClient(a.CA(), user)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := get(t.Context(), client, serve(t, a, server).URL); err != nil || string(got) != "system:node:n1 of system:nodes" {
		t.Errorf("the server sees %q, %v", got, err)
	}
	if _, err := get(t.Context(), client, serve(t, a, user).URL); err == nil {
		t.Error("a client's certificate serves")
	}
	stranger, err := newAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, err := stranger.pair("server", "server", nil, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), client, serve(t, a, other).URL); err == nil {
		t.Error("a server of another authority is trusted")
	}
}

func TestAnAnswerThatIsNoSuccessIsAnErrorWithItsBody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := get(t.Context(), server.Client(), server.URL+"/x")
	if status, ok := err.(*StatusError); !ok || status.Code != 404 || status.Body != "404 page not found\n" {
		t.Errorf("error %#v", err)
	}
}
