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

// Deploy makes the objects of a manifest, as kubectl apply does. If a Secret for a
// ServiceAccount's token is among them it waits for the token and writes it to
// tokenFile.
func (c *Cluster) Deploy(ctx context.Context, manifest, tokenFile string) error {
	data, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	secret := ""
	for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var object map[string]any
		if err := documents.Decode(&object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("%s: %w", manifest, err)
		}
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
