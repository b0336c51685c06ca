package webhook

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// verifiedCertificate is the only client_auth_type by which a sender is known.
const verifiedCertificate = "RequireAndVerifyClientCert"

// validWebConfig reads a web configuration and refuses what exporter-toolkit
// refuses, and what it lets pass although a webhook must not.
func validWebConfig(path string) (*web.Config, error) {
	config, err := readWebConfig(path)
	if err != nil {
		return nil, fmt.Errorf("web configuration %s: %w", path, err)
	}
	if err := web.Validate(path); err != nil {
		return nil, fmt.Errorf("web configuration %s: %w", path, err)
	}
	if limit := config.RateLimiterConfig; limit.Interval != 0 || limit.Burst != 0 {
		return nil, fmt.Errorf("web configuration %s: rate_limit: interval %s, burst %d: it answers 429, after which Alertmanager drops the alerts: remove it", path, limit.Interval, limit.Burst)
	}
	if config.TLSConfig.ClientAuth == verifiedCertificate {
		if err := checkClientCertificates(config); err != nil {
			return nil, fmt.Errorf("web configuration %s: %w", path, err)
		}
	}
	return config, nil
}

// readWebConfig reads a web configuration as exporter-toolkit does, with the
// same YAML parser, so that the two cannot disagree about what it says.
func readWebConfig(path string) (*web.Config, error) {
	content, err := readGuarded(path, 0o002, 1<<20)
	if err != nil {
		return nil, err
	}
	var c web.Config
	if err := yaml.UnmarshalStrict(content, &c); err != nil {
		return nil, err
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	return &c, nil
}

// checkClientCertificates demands that certificates are verified, by an
// authority that is named (without one Go takes the system's, and so everybody
// who ever bought a certificate), and that the list says who may send: an
// authority also signs for others.
func checkClientCertificates(c *web.Config) error {
	t := c.TLSConfig
	if t.ClientAuth != verifiedCertificate {
		return fmt.Errorf("tls_server_config: client_auth_type: %q: must be %s", t.ClientAuth, verifiedCertificate)
	}
	if len(t.ClientAllowedSans) == 0 {
		return errors.New("tls_server_config: client_allowed_sans: missing: list the names in the certificates of those who may send alerts")
	}
	authorities := []byte(t.ClientCAsText)
	if t.ClientCAs != "" {
		var err error
		if authorities, err = os.ReadFile(t.ClientCAs); err != nil {
			return fmt.Errorf("tls_server_config: client_ca_file: %w", err)
		}
	}
	if len(authorities) == 0 {
		return errors.New("tls_server_config: client_ca_file: missing: name the authority that signs the senders' certificates")
	}
	if !x509.NewCertPool().AppendCertsFromPEM(authorities) {
		return errors.New("tls_server_config: client_ca_file: holds no PEM certificate: nobody could send alerts")
	}
	return nil
}
