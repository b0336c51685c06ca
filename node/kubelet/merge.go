package kubelet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// A named file is one that was read.
type namedFile struct {
	path string
	data []byte
}

func (f namedFile) equal(other namedFile) bool {
	return f.path == other.path && bytes.Equal(f.data, other.data)
}

// merge makes of a base file (nil for none), drop-ins in their order and flags
// what a kubelet of release r makes of them: flags win over drop-ins, those over
// the base. From NewKubeletCommand and mergeKubeletConfigurations in
// cmd/kubelet/app/server.go.
func merge(base *namedFile, dropins []namedFile, f *flags, r release) (*document, error) {
	d := &document{}
	if base != nil {
		var err error
		if d, err = parseDocument(base.data); err != nil {
			return nil, fmt.Errorf("%s: %w", base.path, err)
		}
		d.loadDefaults(r)
	}
	d.setDefaults(r)
	// Even without a single drop-in: what is empty is forgotten on the way.
	if f.configDir != "" {
		var err error
		if d, err = d.with(dropins); err != nil {
			return nil, err
		}
		d.setDefaults(r)
	}
	f.apply(d)
	if err := d.validate(r); err != nil {
		return nil, err
	}
	return d, nil
}

// parseDocument reads a base file; see ParseFile.
func parseDocument(data []byte) (*document, error) {
	data, err := toJSON(data, yaml.YAMLToJSON)
	if err != nil {
		return nil, err
	}
	var d document
	if err := decode(data, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// toJSON checks that a file is a KubeletConfiguration, and makes JSON of it. What
// begins like JSON must be JSON.
func toJSON(data []byte, convert func([]byte) ([]byte, error)) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New("empty: the kubelet refuses an empty configuration file")
	}
	if !bytes.HasPrefix(bytes.TrimLeftFunc(data, unicode.IsSpace), []byte("{")) {
		converted, err := convert(data)
		if err != nil {
			return nil, err
		}
		data = converted
	}
	return data, checkKind(data)
}

// with merges drop-ins into d. The kubelet writes its configuration as JSON, has
// it patched (RFC 7386) and reads it again with the standard library, to which
// evictionHard and EvictionHard are the same.
func (d *document) with(dropins []namedFile) (*document, error) {
	written, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var merged map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(written, &merged); err != nil {
		return nil, err
	}
	for _, file := range dropins {
		patch, err := parseDropin(file.data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.path, err)
		}
		merged = mergePatch(merged, patch)
	}
	if written, err = json.Marshal(merged); err != nil {
		return nil, err
	}
	with := &document{}
	if err := json.Unmarshal(written, with); err != nil {
		return nil, fmt.Errorf("of all drop-ins together: %w", explainType(written, err))
	}
	return with, nil
}

// parseDropin reads a drop-in. Other than in a base file, a name that is given
// twice is refused.
func parseDropin(data []byte) (map[string]any, error) {
	data, err := toJSON(data, yaml.YAMLToJSONStrict)
	if err != nil {
		return nil, err
	}
	var patch map[string]any
	twice, err := kjson.UnmarshalStrict(data, &patch)
	if err != nil {
		return nil, err
	}
	if len(twice) > 0 {
		return nil, twice[0]
	}
	for _, name := range []string{"apiVersion", "kind"} {
		if patch[name] == nil {
			return nil, fmt.Errorf("%s: is missing (of another case it does not count here)", name)
		}
	}
	return patch, nil
}

// mergePatch changes target, which may be nil, into what it is with patch: null
// removes, objects are merged, everything else replaces (RFC 7386).
func mergePatch(target, patch map[string]any) map[string]any {
	if target == nil {
		target = make(map[string]any)
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			below, _ := target[name].(map[string]any)
			target[name] = mergePatch(below, value)
		default:
			target[name] = value
		}
	}
	return target
}
