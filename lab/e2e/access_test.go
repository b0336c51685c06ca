//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

func TestKubeletTellsWhoMayAskIt(t *testing.T) {
	t.Parallel()
	c, n := startNode(t, cluster.NodeConfig{Layout: cluster.TwoDisks, Kubelet: quiet})
	certificate := func(k cluster.KeyPair) []string {
		return []string{"--kubelet.cert-file=" + k.Cert, "--kubelet.key-file=" + k.Key}
	}
	trusted := "--kubelet.ca-file=" + c.CA()
	for name, test := range map[string]struct {
		flags []string
		may   bool
	}{
		"a token of its ServiceAccount":          {[]string{trusted, "--kubelet.token-file=" + c.Token()}, true},
		"a certificate":                          {append(certificate(c.Certificate()), trusted), true},
		"a certificate, whoever the kubelet is":  {append(certificate(c.Certificate()), "--kubelet.insecure-skip-verify"), true},
		"a certificate of one who may not":       {append(certificate(c.Stranger()), trusted), false},
		"nothing to show":                        {[]string{trusted}, false},
		"a certificate, and no authority to ask": {certificate(c.Certificate()), false},
	} {
		t.Run(name, func(t *testing.T) {
			e := startInside(t, n, append([]string{
				"--path.nodefs=" + n.RootDir(), "--path.imagefs=" + n.ContainerdRoot(), "--no-kubelet.process", "--kubelet.url=" + n.URL,
			}, test.flags...)...)
			value := 0.0
			if test.may {
				value = 1
			}
			s := e.await(t, "how asking the kubelet ended", func(s samples) error {
				var errs []error
				for _, reader := range []string{"thresholds", "summary", "metrics"} {
					errs = append(errs, s.want(value, "headroom_read_success", "reader", reader))
				}
				return errors.Join(errs...)
			})
			for _, metric := range []string{"headroom_thresholds_info", "headroom_threshold_enabled", "headroom_kubelet_divergence_ratio", "headroom_evictions_total"} {
				if there := len(s.of(metric)) > 0; there != test.may {
					t.Errorf("%s is there: %t", metric, there)
				}
			}
			// What is read from the node does not need the kubelet.
			if _, err := s.get("headroom_signal_available_bytes", "signal", "nodefs.available"); err != nil {
				t.Error(fmt.Errorf("with or without the kubelet: %w", err))
			}
		})
	}
}
