// Package relocate takes the shipped configuration to where the lab plays it: the
// addresses and the node's name in it change, and nothing else.
package relocate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Node is the node's name in the shipped Prometheus configuration.
const Node = "node-1"

// Where the shipped configuration expects each program.
const (
	Exporter     = "localhost:10910"
	Remediator   = "localhost:10911"
	Alertmanager = "localhost:9093"
)

// A Map has the names in the shipped files, and those that are played with.
type Map map[string]string

// apply replaces names and nothing else: reverse undoes it to the byte.
func (r Map) apply(file []byte) []byte {
	var pairs []string
	for from, to := range r {
		pairs = append(pairs, from, to)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(file)))
}

func (r Map) reverse() Map {
	back := make(Map, len(r))
	for from, to := range r {
		back[to] = from
	}
	return back
}

// address finds whatever could be one: a scheme's authority or a target.
var address = regexp.MustCompile(`\blocalhost:\d+|\b\d+\.\d+\.\d+\.\d+:\d+|\[[0-9a-f:]+\]:\d+`)

// strangers lists the addresses in file that r does not know.
func (r Map) strangers(file []byte) []string {
	var unknown []string
	for _, found := range address.FindAll(file, -1) {
		if _, known := r[string(found)]; !known {
			unknown = append(unknown, string(found))
		}
	}
	return unknown
}

// Place writes shipped files below dir, relocated: rules into dir/rules, all
// others into dir itself, as their comments ask for.
func (r Map) Place(root, dir string, patterns ...string) error {
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("no %s in %s", pattern, root)
		}
		for _, file := range files {
			to := filepath.Join(dir, filepath.Base(file))
			if strings.HasPrefix(pattern, "rules/") {
				to = filepath.Join(dir, "rules", filepath.Base(file))
			}
			if err := r.move(file, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r Map) move(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if unknown := r.strangers(data); len(unknown) > 0 {
		return fmt.Errorf("%s names %s: nothing is started there", from, strings.Join(unknown, ", "))
	}
	moved := r.apply(data)
	if !bytes.Equal(r.reverse().apply(moved), data) {
		return fmt.Errorf("%s: more than its names would change", from)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, moved, 0o644)
}
