package product

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds one of the programs in cmd/ into dir, as make build does but
// without a version, and returns its path. What does not get into a program, such
// as a test, does not change its bytes.
func Build(ctx context.Context, dir, program string) (string, error) {
	return build(ctx, dir, program, "./cmd/"+program)
}

// BuildDying builds the remediator that kills itself at the step of a remedy that
// HEADROOM_TEST_DIE_AT names.
func BuildDying(ctx context.Context, dir string) (string, error) {
	return build(ctx, dir, "dying", "./remediator/testdata/dying")
}

func build(ctx context.Context, dir, program, source string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, program)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", path, source)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return path, nil
}

// Root is the top of the repository, found from the working directory upwards:
// commands start there, tests in the folder of their package.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "cmd", "headroom-exporter")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no cmd/headroom-exporter in %s or above it", dir)
		}
	}
}
