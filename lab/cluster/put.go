package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// collections are where objects of each kind live; %s is their namespace.
var collections = map[string]string{
	"Namespace":          "/api/v1/namespaces",
	"ServiceAccount":     "/api/v1/namespaces/%s/serviceaccounts",
	"Secret":             "/api/v1/namespaces/%s/secrets",
	"ClusterRole":        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
	"ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	"DaemonSet":          "/apis/apps/v1/namespaces/%s/daemonsets",
}

// Put makes an object of a manifest, or changes the one that has its name to what
// it says. It is as strict as kubectl: an unknown field is an error.
func (c *Cluster) Put(ctx context.Context, object map[string]any) error {
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	path := collections[kind]
	if path == "" || metadata["name"] == nil {
		return fmt.Errorf("%q: not a kind of object that a manifest here has, or without a name", kind)
	}
	if strings.Contains(path, "%s") {
		path = fmt.Sprintf(path, metadata["namespace"])
	}
	const strict = "?fieldValidation=Strict"
	err := c.Do(ctx, http.MethodPost, path+strict, object, nil)
	if status, ok := errors.AsType[*StatusError](err); ok && status.Code == http.StatusConflict {
		return c.Do(ctx, http.MethodPatch, fmt.Sprintf("%s/%s%s", path, metadata["name"], strict), object, nil)
	}
	return err
}
