package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

// document returns the root of the only document in data.
func (p *parser) document(data []byte) (*yaml.Node, error) {
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := documents.Decode(&first); {
	case errors.Is(err, io.EOF) || err == nil && isNull(first.Content[0]):
		return nil, problem{file: p.file, what: "empty: a policy needs at least the key cases"}
	case err != nil:
		return nil, p.syntax(err)
	}
	switch err := documents.Decode(&second); {
	case err == nil:
		return nil, problem{file: p.file, line: second.Line, what: "a second document begins: a policy is one"}
	case !errors.Is(err, io.EOF):
		return nil, p.syntax(err)
	}
	left := maxNodes
	root := p.expand(first.Content[0], &left)
	if root == nil {
		return nil, problem{file: p.file, what: fmt.Sprintf("says more than %d things once its aliases are written out: does an anchor contain itself?", maxNodes)}
	}
	return root, p.err()
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

func (p *parser) syntax(err error) error {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return problem{file: p.file, what: "not YAML: " + err.Error()}
	}
	line, _ := strconv.Atoi(m[1]) // 0 where there is none
	return problem{file: p.file, line: line, what: "not YAML: " + m[2]}
}
