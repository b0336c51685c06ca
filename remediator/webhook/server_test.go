package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/crypto/bcrypt"
)

// users lets in alertmanager with the password "letmein".
var users = func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte("letmein"), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return "basic_auth_users: {alertmanager: '" + string(hash) + "'}\n"
}()

// A pki is an authority and what it has signed, as files in a folder and as
// parts of a web configuration there.
type pki struct {
	server  string // tls_server_config with a certificate for 127.0.0.1
	clients string // goes on with senders' certificates, for "alertmanager" alone
	roots   *x509.CertPool
	issue   func(name string) tls.Certificate
}

func newPKI(t *testing.T, dir string) *pki {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	sign := func(c *x509.Certificate, public any) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, public, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	signed, err := x509.ParseCertificate(sign(authority, key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	p := &pki{
		server:  "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n",
		clients: "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [alertmanager]\n",
		roots:   x509.NewCertPool(),
	}
	p.roots.AddCert(signed)
	p.issue = func(name string) tls.Certificate {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		return tls.Certificate{Certificate: [][]byte{sign(c, own.Public())}, PrivateKey: own}
	}
	server := p.issue("server")
	secret, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"ca.pem":     {Type: "CERTIFICATE", Bytes: signed.Raw},
		"server.pem": {Type: "CERTIFICATE", Bytes: server.Certificate[0]},
		"server.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		writeFile(t, dir, name, 0o600, string(pem.EncodeToMemory(block)))
	}
	return p
}

// serveToolkit starts the handler behind exporter-toolkit's own server.
func serveToolkit(t *testing.T, webConfig string) (address string, kept *memory) {
	t.Helper()
	auth, err := Inspect(webConfig, "")
	if err != nil {
		t.Fatal(err)
	}
	kept = &memory{}
	logger := slog.New(slog.DiscardHandler)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mounted(New(kept, auth, nil, logger, prometheus.NewRegistry())), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener, server, &web.FlagConfig{WebConfigFile: &webConfig}, logger) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return listener.Addr().String(), kept
}

func TestBasicAuthAgainstTheRealServer(t *testing.T) {
	dir := t.TempDir()
	config := writeFile(t, dir, "web.yml", 0o640, users)
	address, kept := serveToolkit(t, config)
	send := func(user, password string) int {
		r, err := http.NewRequest(http.MethodPost, "http://"+address+Path, strings.NewReader(group(alert())))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := answered(t, response)
		if code == 401 && response.Header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
		return code
	}
	for sentence, c := range map[string]struct {
		user, password string
		code           int
	}{
		"the user is served":             {"alertmanager", "letmein", 202},
		"a wrong password is refused":    {"alertmanager", "letmeout", 401},
		"a stranger is refused":          {"mallory", "letmein", 401},
		"a request without both as well": {"", "", 401},
	} {
		if code := send(c.user, c.password); code != c.code {
			t.Errorf("%s: got %d, want %d", sentence, code, c.code)
		}
	}
	if n := len(kept.received()); n != 1 {
		t.Errorf("%d alerts were kept, not 1", n)
	}

	// The toolkit reads its file for each request and lets everybody in once
	// it names no users.
	writeFile(t, dir, "web.yml", 0o640, "")
	if code := send("", ""); code != 401 {
		t.Errorf("a file without users let a stranger in: %d", code)
	}
	if code := send("mallory", "x"); code != 503 {
		t.Errorf("a file without users let any password pass: %d", code)
	}
	if n := len(kept.received()); n != 1 {
		t.Errorf("%d alerts were kept, not 1", n)
	}
}

func TestClientCertificatesAgainstTheRealServer(t *testing.T) {
	dir := t.TempDir()
	p := newPKI(t, dir)
	config := writeFile(t, dir, "web.yml", 0o640, p.server+p.clients)
	address, kept := serveToolkit(t, config)
	stranger := newPKI(t, t.TempDir()).issue("alertmanager")

	send := func(certificates ...tls.Certificate) (int, error) {
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: p.roots, Certificates: certificates}}}
		defer client.CloseIdleConnections()
		response, err := client.Post("https://"+address+Path, "application/json", strings.NewReader(group(alert())))
		if err != nil {
			return 0, err
		}
		if response.ProtoMajor != 2 { // as Alertmanager does
			t.Errorf("answered by %s", response.Proto)
		}
		code, _ := answered(t, response)
		return code, nil
	}
	if code, err := send(p.issue("alertmanager")); code != 202 {
		t.Errorf("the one who may: got %d, %v", code, err)
	}
	for sentence, certificates := range map[string][]tls.Certificate{
		"no certificate":                        nil,
		"a certificate of another authority":    {stranger},
		"a certificate that is not on the list": {p.issue("somebody")},
		"a certificate of the server itself":    {p.issue("server")},
	} {
		if code, err := send(certificates...); err == nil {
			t.Errorf("%s: got %d, not a refused handshake", sentence, code)
		}
	}
	writeFile(t, dir, "web.yml", 0o640, p.server)
	if code, err := send(); code != 403 {
		t.Errorf("a file that no longer asks for certificates: got %d, %v", code, err)
	}
	writeFile(t, dir, "web.yml", 0o640, strings.ReplaceAll(p.server+p.clients, "  client_allowed_sans: [alertmanager]\n", ""))
	if code, err := send(p.issue("somebody")); code != 503 {
		t.Errorf("a file that has lost its list: got %d, %v", code, err)
	}
	if n := len(kept.received()); n != 1 {
		t.Errorf("%d alerts were kept, not 1", n)
	}
	if _, err := Inspect(filepath.Join(dir, "web.yml"), ""); err == nil {
		t.Error("such a file was accepted at the start")
	}
}
