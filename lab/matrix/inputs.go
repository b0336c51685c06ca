package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// inputs say which product is played: its revision is for people, the hashes
// decide whether a result still counts. Without the remediator only what measures
// and alerts takes part.
type inputs struct {
	revision      string
	with, without string
}

func (i inputs) of(with bool) string {
	if with {
		return i.with
	}
	return i.without
}

// measuring and acting are what of the repository takes part in a play.
var (
	measuring = []string{"*.go", "go.mod", "go.sum", "cmd/headroom-exporter", "exporter", "node", "rules/*.yaml", "deploy/prometheus/prometheus.yml", "deploy/alertmanager/alertmanager.yml"}
	acting    = []string{"cmd/headroom-remediator", "remediator", "deploy/policy.yaml"}
)

// readInputs reads the product below root.
func readInputs(root string) (inputs, error) {
	i := inputs{revision: "unknown"}
	describe := exec.Command("git", "describe", "--tags", "--always", "--dirty")
	describe.Dir = root
	if out, err := describe.Output(); err == nil {
		i.revision = strings.TrimSpace(string(out))
	}
	var err error
	if i.without, err = contents(root, measuring); err != nil {
		return i, err
	}
	i.with, err = contents(root, append(append([]string{}, measuring...), acting...))
	return i, err
}

// contents is a hash of names and bytes of files, and of all in folders, tests left
// out.
func contents(root string, patterns []string) (string, error) {
	sum := sha256.New()
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return "", err
		}
		for _, path := range found {
			err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case entry.IsDir() && entry.Name() == "testdata":
					return filepath.SkipDir
				case !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go"):
					return nil
				}
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				one := sha256.Sum256(data)
				sum.Write([]byte(strings.TrimPrefix(path, root)))
				sum.Write(one[:])
				return nil
			})
			if err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// hash is that of a value's JSON.
func hash(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own, without anything that JSON does not know
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:12]
}
