// Package resolve asks the real kubelet which configuration it makes of a base
// file, drop-ins and flags. What it said is recorded in
// node/kubelet/testdata/effective.jsonl, where the product's tests find it; with
// the tag e2e the tests here ask again and hold record and product to the
// answers. To write a new record:
//
//	go test -tags e2e ./resolve -update
package resolve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Case is a command line and the files it speaks of, and what a kubelet makes
// of them.
type Case struct {
	// Name says what is odd about it.
	Name string `json:"name"`
	// Args are the kubelet's. Paths are relative to its working directory, or
	// begin with $DIR, which stands for it.
	Args []string `json:"args"`
	// Files and Links are below the working directory. A file whose name ends in
	// a slash is an empty folder.
	Files map[string]string `json:"files,omitempty"`
	Links map[string]string `json:"links,omitempty"`
	// Effective are those fields of the effective configuration that the product
	// reads. It is nil where the kubelet refuses to start, Refused then being
	// what it says.
	Effective json.RawMessage `json:"effective,omitempty"`
	Refused   string          `json:"refused,omitempty"`
}

// Command is the command line as it is where dir is the working directory.
func (c Case) Command(dir string) []string {
	args := make([]string, len(c.Args))
	for i, arg := range c.Args {
		args[i] = strings.ReplaceAll(arg, "$DIR", dir)
	}
	return args
}

// Write puts the files of the case below dir.
func (c Case) Write(dir string) error {
	for name, content := range c.Files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	for name, target := range c.Links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Marshal writes cases as a record: one a line.
func Marshal(cases []Case) ([]byte, error) {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for _, c := range cases {
		if err := lines.Encode(c); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return b.Bytes(), nil
}

// Unmarshal reads a record.
func Unmarshal(data []byte) ([]Case, error) {
	var cases []Case
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("case %d: %w", len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	return cases, lines.Err()
}
