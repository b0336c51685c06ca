package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// control starts etcd, the API server, the controller manager and the scheduler
// and returns once pods could be made.
func (c *Cluster) control(ctx context.Context) error {
	admin, err := c.ca.pair("admin", "admin", []string{"system:masters"})
	if err != nil {
		return err
	}
	if err := c.kubeconfig(c.Kubeconfig(), "admin", admin); err != nil {
		return err
	}
	if c.client, err = newClient(c.CA(), admin); err != nil {
		return err
	}
	if err := c.etcd(); err != nil {
		return err
	}
	if err := c.apiserver(admin); err != nil {
		return err
	}
	err = Wait(ctx, "the API server", func(ctx context.Context) error {
		for _, part := range []string{"etcd", "kube-apiserver"} {
			if err := c.alive(part); err != nil {
				return err
			}
		}
		return c.Do(ctx, http.MethodGet, "/readyz", nil, nil)
	})
	if err != nil {
		return err
	}
	if err := c.managers(); err != nil {
		return err
	}
	if err := c.access(ctx); err != nil {
		return err
	}
	return Wait(ctx, "the default service account", func(ctx context.Context) error {
		for _, part := range []string{"kube-controller-manager", "kube-scheduler"} {
			if err := c.alive(part); err != nil {
				return err
			}
		}
		return c.Do(ctx, http.MethodGet, "/api/v1/namespaces/default/serviceaccounts/default", nil, nil)
	})
}

func (c *Cluster) etcd() error {
	pair, err := c.ca.pair("etcd", "etcd", nil, c.net.host())
	if err != nil {
		return err
	}
	client, peer := "https://"+c.net.host()+":2379", "https://"+c.net.host()+":2380"
	return c.spawn("etcd", nil, "etcd",
		"--name=lab", "--data-dir="+filepath.Join(c.Dir, "etcd"),
		"--unsafe-no-fsync", "--log-level=warn", // a lab is not kept
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=lab="+peer,
		"--cert-file="+pair.Cert, "--key-file="+pair.Key, "--client-cert-auth", "--trusted-ca-file="+c.CA(),
		"--peer-cert-file="+pair.Cert, "--peer-key-file="+pair.Key, "--peer-client-cert-auth", "--peer-trusted-ca-file="+c.CA(),
	)
}

func (c *Cluster) apiserver(admin KeyPair) error {
	pair, err := c.ca.pair("apiserver", "kube-apiserver", nil, c.net.host(), c.net.kubernetes(), "kubernetes.default.svc", "kubernetes")
	if err != nil {
		return err
	}
	tokens, err := c.ca.pair("tokens", "tokens", nil)
	if err != nil {
		return err
	}
	return c.spawn("kube-apiserver", nil, "kube-apiserver",
		"--bind-address="+c.net.host(), "--advertise-address="+c.net.host(), "--secure-port=6443",
		"--etcd-servers=https://"+c.net.host()+":2379", "--etcd-cafile="+c.CA(), "--etcd-certfile="+pair.Cert, "--etcd-keyfile="+pair.Key,
		"--tls-cert-file="+pair.Cert, "--tls-private-key-file="+pair.Key, "--client-ca-file="+c.CA(),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged",
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range="+c.net.services(),
		"--kubelet-certificate-authority="+c.CA(), "--kubelet-client-certificate="+admin.Cert, "--kubelet-client-key="+admin.Key,
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+tokens.Cert, "--service-account-signing-key-file="+tokens.Key,
	)
}

func (c *Cluster) managers() error {
	err := c.spawn("kube-controller-manager", nil, "kube-controller-manager",
		"--kubeconfig="+c.Kubeconfig(), "--leader-elect=false", "--secure-port=0",
		"--root-ca-file="+c.CA(), "--service-account-private-key-file="+filepath.Join(c.Dir, "pki", "tokens.key"))
	if err != nil {
		return err
	}
	return c.spawn("kube-scheduler", nil, "kube-scheduler",
		"--kubeconfig="+c.Kubeconfig(), "--leader-elect=false", "--secure-port=0")
}

// kubeconfig writes the file by which a client reaches the API server as the
// user of pair.
func (c *Cluster) kubeconfig(path, user string, pair KeyPair) error {
	return os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: lab
contexts:
- name: lab
  context: {cluster: lab, user: %q}
clusters:
- name: lab
  cluster: {server: %q, certificate-authority: %q}
users:
- name: %q
  user: {client-certificate: %q, client-key: %q}
`, user, c.URL, c.CA(), user, pair.Cert, pair.Key), 0o600)
}
