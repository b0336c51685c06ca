package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

// askDocker asks for GET /info of the Docker Engine API. A kubelet with a
// dockershim has images and containers beneath Docker's root directory.
func askDocker(ctx context.Context, path string) (Filesystems, error) {
	conn, err := connect(ctx, path, func(p *http.Protocols) { p.SetHTTP1(true) })
	if err != nil {
		return Filesystems{}, err
	}
	defer conn.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/info", nil)
	if err != nil {
		return Filesystems{}, err
	}
	resp, err := conn.RoundTrip(req)
	if err != nil {
		return Filesystems{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Filesystems{}, fmt.Errorf("GET /info: %s", resp.Status)
	}
	var info struct{ DockerRootDir string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&info); err != nil {
		return Filesystems{}, fmt.Errorf("GET /info: %w", err)
	}
	if info.DockerRootDir == "" {
		return Filesystems{}, errors.New("GET /info: DockerRootDir is missing")
	}
	if !filepath.IsAbs(info.DockerRootDir) {
		return Filesystems{}, fmt.Errorf("GET /info: DockerRootDir %q is not an absolute path", info.DockerRootDir)
	}
	return Filesystems{info.DockerRootDir, info.DockerRootDir}, nil
}
