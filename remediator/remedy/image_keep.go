package remedy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// A pattern is of names of images. A * is any characters, / and : among them;
// everything else is itself. It is held against each name of an image, with a tag
// and with a digest, as the runtime has it (docker.io/library/busybox:1.36), and
// against the same without tag or digest, and without the docker.io/ and library/
// that people leave out: what is to be kept should not depend on spelling.
type pattern string

// UnmarshalText reads a pattern.
func (p *pattern) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%q is no pattern of images such as registry.example/base/*", s)
	}
	*p = pattern(s)
	return nil
}

// keeps returns the first pattern that an image's names match, "" for none.
func keeps(patterns []pattern, image runtime.Image) pattern {
	for _, name := range slices.Concat(image.Tags, image.Digests) {
		for _, spelled := range spellings(name) {
			for _, p := range patterns {
				if p.matches(spelled) {
					return p
				}
			}
		}
	}
	return ""
}

// spellings returns the ways in which people write a name.
func spellings(name string) []string {
	repository, _, _ := strings.Cut(name, "@")
	if at := strings.LastIndexByte(repository, ':'); at > strings.LastIndexByte(repository, '/') {
		repository = repository[:at]
	}
	all := []string{name, repository}
	for _, full := range all[:2] {
		if short, cut := strings.CutPrefix(full, "docker.io/"); cut {
			all = append(all, short, strings.TrimPrefix(short, "library/"))
		}
	}
	return all
}

// matches takes time linear in the name for every * of the pattern.
func (p pattern) matches(name string) bool {
	parts := strings.Split(string(p), "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return name == first
	}
	if !strings.HasPrefix(name, first) || !strings.HasSuffix(name[len(first):], last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return true
}
