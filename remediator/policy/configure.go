package policy

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// errNoted says that what went wrong was noted with its line already.
var errNoted = errors.New("noted")

// configure lets a remedy read its keys of a rung.
func (p *parser) configure(r remedy.Remedy, rung *yaml.Node, field string) (remedy.Remedy, bool) {
	asked := false
	before := len(p.problems)
	configured, err := r.Configure(func(into any) error {
		asked = true
		p.fields(rung, field, reflect.ValueOf(into).Elem(), reserved...)
		if len(p.problems) > before {
			return errNoted
		}
		return nil
	})
	if err == nil && !asked { // it has no keys
		p.mapping(rung, field, reserved)
	}
	if err != nil && len(p.problems) == before {
		p.semantic(rung, field, err)
	}
	return configured, len(p.problems) == before
}

// semantic notes an error of a remedy about a value that could be read. It
// begins with the key by agreement, and so leads to a line.
func (p *parser) semantic(rung *yaml.Node, field string, err error) {
	key, rest, _ := strings.Cut(err.Error(), ": ")
	name := key
	if i := strings.IndexAny(key, ".["); i > 0 {
		name = key[:i]
	}
	if v, ok := find(rung, name); ok {
		p.note(v, at(field, key), "", rest)
		return
	}
	p.note(rung, field, "", err.Error())
}

// fields reads a mapping into a struct: every key must be a field's yaml name,
// or one of also, which belong to somebody else. What is absent stays as it is.
func (p *parser) fields(n *yaml.Node, field string, into reflect.Value, also ...string) {
	names := append([]string{}, also...)
	index := make(map[string]int)
	for i := range into.NumField() {
		if name := yamlName(into.Type().Field(i)); name != "" && !contains(also, name) {
			names = append(names, name)
			index[name] = i
		}
	}
	for name, v := range p.mapping(n, field, names) {
		if i, ok := index[name]; ok {
			p.read(v, at(field, name), into.Field(i))
		}
	}
}

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case name == "-" || !f.IsExported():
		return ""
	case name == "":
		return strings.ToLower(f.Name)
	}
	return name
}

// read reads a value strictly. yaml's own decoder would cut 1.5 to 1, take 10
// for ten nanoseconds and skip keys it does not know.
func (p *parser) read(n *yaml.Node, field string, into reflect.Value) {
	if isNull(n) {
		p.refuse(n, field, "give one, or remove the key")
		return
	}
	switch v := into.Addr().Interface().(type) {
	case *time.Duration:
		*v = p.duration(n, field)
		return
	case encoding.TextUnmarshaler:
		if n.Kind == yaml.ScalarNode {
			p.decode(n, field, into, "")
		} else {
			p.refuse(n, field, "must be a single value")
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		p.read(n, field, into.Elem())
	case reflect.Struct:
		p.fields(n, field, into)
	case reflect.Slice:
		p.elements(n, field, into)
	case reflect.String:
		p.decode(n, field, into, "must be a word", "!!str", "!!int", "!!float", "!!bool", "!!timestamp")
	case reflect.Bool:
		p.decode(n, field, into, "must be true or false", "!!bool")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.decode(n, field, into, "must be a whole number", "!!int")
	case reflect.Float32, reflect.Float64:
		p.decode(n, field, into, "must be a number", "!!int", "!!float")
	default:
		p.decode(n, field, into, "")
	}
}

func (p *parser) elements(n *yaml.Node, field string, into reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		p.refuse(n, field, "must be a list")
		return
	}
	list := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, v := range n.Content {
		p.read(v, fmt.Sprintf("%s[%d]", field, i), list.Index(i))
	}
	into.Set(list)
}

// decode leaves a value to yaml if its tag is one of those wanted, or none is.
func (p *parser) decode(n *yaml.Node, field string, into reflect.Value, want string, tags ...string) {
	if len(tags) > 0 && !contains(tags, n.ShortTag()) {
		p.refuse(n, field, "%s", want)
		return
	}
	err := n.Decode(into.Addr().Interface())
	switch {
	case err == nil:
	case want != "":
		p.refuse(n, field, "%s", want)
	default:
		p.refuse(n, field, "%s", strings.TrimPrefix(plain(err), strconv.Quote(n.Value)+" "))
	}
}

// plain strips what yaml puts around an error: its own name, and lines that
// count from the value.
func plain(err error) string {
	var kinds *yaml.TypeError
	if errors.As(err, &kinds) && len(kinds.Errors) > 0 {
		_, what, found := strings.Cut(kinds.Errors[0], ": ")
		if found && strings.HasPrefix(kinds.Errors[0], "line ") {
			return what
		}
		return kinds.Errors[0]
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}
