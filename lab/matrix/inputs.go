package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// measuring and acting are what is shipped as files and takes part in a play.
var (
	measuring = []string{"rules/*.yaml", "deploy/prometheus/prometheus.yml", "deploy/alertmanager/alertmanager.yml"}
	acting    = []string{"deploy/policy.yaml"}
)

// readInputs reads the files below root and our two programs, built as they are
// played: the same source makes the same bytes, and what does not get into a
// program has no part in a play.
func readInputs(root, exporter, remediator string) (inputs, error) {
	i := inputs{revision: "unknown"}
	if out, err := git(root, "describe", "--tags", "--always"); err == nil {
		i.revision = out
	}
	// Plays are kept in the tree while others go on: that is no change of what is played.
	if out, err := git(root, "status", "--porcelain", "--", ".", ":!lab/matrix/results"); err == nil && out != "" {
		i.revision += "-dirty"
	}
	measures := []string{exporter}
	for _, pattern := range measuring {
		measures = append(measures, filepath.Join(root, pattern))
	}
	acts := []string{remediator}
	for _, pattern := range acting {
		acts = append(acts, filepath.Join(root, pattern))
	}
	var err error
	if i.without, err = contents(measures); err != nil {
		return i, err
	}
	i.with, err = contents(append(measures, acts...))
	return i, err
}

// git is what it prints about the tree at root.
func git(root string, args ...string) (string, error) {
	command := exec.Command("git", args...)
	command.Dir = root
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

// contents is a hash of the names and bytes of all files that match.
func contents(patterns []string) (string, error) {
	sum := sha256.New()
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, path := range found {
			data, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			one := sha256.Sum256(data)
			sum.Write([]byte(filepath.Base(path)))
			sum.Write(one[:])
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
