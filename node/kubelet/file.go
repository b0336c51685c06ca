package kubelet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"

	"sigs.k8s.io/yaml"
)

// maxSize bounds what is read of a file or of an answer.
const maxSize = 4 << 20

// A file is a KubeletConfiguration on disk. Only one read at a time.
type file struct {
	path string
	// What the file held last, and what came of it: the same bytes are not
	// parsed again.
	data   []byte
	parsed *Configuration
	err    error
}

func (f *file) read(context.Context) (*Configuration, error) {
	data, err := readSmall(f.path)
	if err != nil {
		return nil, err
	}
	if f.data == nil || !bytes.Equal(data, f.data) {
		f.data = data
		f.parsed, f.err = ParseFile(data)
	}
	if f.err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, f.err)
	}
	c := *f.parsed
	return &c, nil
}

// ParseFile reads a KubeletConfiguration, YAML or JSON, as a kubelet with
// --config does: of several YAML documents the first counts, of a name that is
// given twice the last, a name that is not known is passed over, defaults are
// filled in. What the kubelet would refuse is an error that names field and
// value. Source and Read are left to the caller.
func ParseFile(data []byte) (*Configuration, error) {
	if len(data) == 0 {
		return nil, errors.New("empty: the kubelet refuses an empty configuration file")
	}
	// What begins like JSON must be JSON, also there.
	if !bytes.HasPrefix(bytes.TrimLeftFunc(data, unicode.IsSpace), []byte("{")) {
		converted, err := yaml.YAMLToJSON(data)
		if err != nil {
			return nil, err
		}
		data = converted
	}
	if err := checkKind(data); err != nil {
		return nil, err
	}
	var d document
	if err := decode(data, &d); err != nil {
		return nil, err
	}
	d.setDefaults()
	return d.configuration()
}

func checkKind(data []byte) error {
	var meta struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return fmt.Errorf("apiVersion and kind: %w", err)
	}
	if meta.Kind != "KubeletConfiguration" {
		return fmt.Errorf("kind: %q is not KubeletConfiguration", meta.Kind)
	}
	if meta.APIVersion != "kubelet.config.k8s.io/v1beta1" {
		return fmt.Errorf("apiVersion: %q is not kubelet.config.k8s.io/v1beta1", meta.APIVersion)
	}
	return nil
}

// readSmall reads a file that a person wrote.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, maxSize)
	}
	return data, nil
}
