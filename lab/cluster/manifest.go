package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// Documents are the objects of a manifest.
func Documents(data []byte) (objects []map[string]any, err error) {
	for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var object map[string]any
		switch err := documents.Decode(&object); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		}
		objects = append(objects, object)
	}
}

// Deploy makes the objects of a manifest, as kubectl apply does. If a Secret for a
// ServiceAccount's token is among them it waits for the token and writes it to
// tokenFile.
func (c *Cluster) Deploy(ctx context.Context, manifest, tokenFile string) error {
	data, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	objects, err := Documents(data)
	if err != nil {
		return fmt.Errorf("%s: %w", manifest, err)
	}
	secret := ""
	for _, object := range objects {
		if err := c.Put(ctx, object); err != nil {
			return err
		}
		if object["kind"] == "Secret" {
			metadata := object["metadata"].(map[string]any)
			secret = fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s", metadata["namespace"], metadata["name"])
		}
	}
	if secret == "" {
		return nil
	}
	return Wait(ctx, "the token of "+filepath.Base(manifest), func(ctx context.Context) error {
		var made struct{ Data map[string][]byte }
		if err := c.Do(ctx, "GET", secret, nil, &made); err != nil {
			return err
		}
		if len(made.Data["token"]) == 0 {
			return errors.New("the secret is empty")
		}
		return os.WriteFile(tokenFile, made.Data["token"], 0o600)
	})
}
