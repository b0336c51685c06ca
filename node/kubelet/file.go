package kubelet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// maxSize bounds what is read of a file or of an answer.
const maxSize = 4 << 20

// A file is a KubeletConfiguration on disk. Only one read at a time.
type file struct {
	path    string
	release func() release // what is known of the kubelet's when the file is read
	// What the file held last, and what came of it: the same bytes are not
	// parsed again.
	data   []byte
	by     release
	parsed *Configuration
	err    error
}

func (f *file) read(context.Context) (*Configuration, error) {
	data, err := readSmall(f.path)
	if err != nil {
		return nil, err
	}
	if r := f.release(); f.data == nil || f.by != r || !bytes.Equal(data, f.data) {
		f.data, f.by = data, r
		f.parsed, f.err = parseFile(data, r)
	}
	if f.err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, f.err)
	}
	c := *f.parsed
	return &c, nil
}

// ParseFile reads a KubeletConfiguration, YAML or JSON, as a kubelet of the newest
// release does with nothing but --config: of several YAML documents the first
// counts, of a name that is given twice the last, a name that is not known is
// passed over, defaults are filled in. What the kubelet would refuse is an error
// that names field and value. Source and Read are left to the caller.
func ParseFile(data []byte) (*Configuration, error) { return parseFile(data, 0) }

func parseFile(data []byte, r release) (*Configuration, error) {
	d, err := parseDocument(data)
	if err != nil {
		return nil, err
	}
	d.loadDefaults(r)
	d.setDefaults(r)
	if err := d.validate(r); err != nil {
		return nil, err
	}
	return d.configuration(r)
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

func readAll(r io.Reader, name string) ([]byte, error) { return readUpTo(r, name, maxSize) }

func readUpTo(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, most)
	}
	return data, nil
}
