package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/yaml"
)

// k3sOptions are what matters of k3s's own options.
type k3sOptions struct {
	dataDir     string
	kubeletArgs []string
}

// readK3sOptions reads them from the configuration file, from those beside it in
// config.yaml.d, and from the command line, which has the last word.
func readK3sOptions(p *process, v *view) (k3sOptions, error) {
	s := k3sOptions{dataDir: k3sDataDir}
	files := []string{k3sConfig}
	names, err := v.names(k3sConfig + ".d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	for _, name := range names {
		if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" {
			files = append(files, path.Join(k3sConfig+".d", name))
		}
	}
	for _, file := range files {
		data, err := v.file(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return s, err
		}
		if err := s.add(data); err != nil {
			return s, fmt.Errorf("%s: %w", file, err)
		}
	}
	s.addCommandLine(p.argv[2:])
	return s, nil
}

// add reads a configuration file of k3s's:
//
//	kubelet-arg:
//	- eviction-hard=memory.available<500Mi
//	data-dir: /data/k3s
func (s *k3sOptions) add(data []byte) error {
	var options map[string]any
	if err := yaml.Unmarshal(data, &options); err != nil {
		return err
	}
	if dir, ok := options["data-dir"].(string); ok {
		s.dataDir = dir
	}
	if args, ok := options["kubelet-arg"]; ok {
		s.kubeletArgs = texts(args)
	}
	s.kubeletArgs = append(s.kubeletArgs, texts(options["kubelet-arg+"])...)
	return nil
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
		return all
	}
	return nil
}

func (s *k3sOptions) addCommandLine(args []string) {
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		switch {
		case !strings.HasPrefix(arg, "-"):
		case name == "kubelet-arg":
			s.kubeletArgs = append(s.kubeletArgs, value)
		case name == "data-dir" || name == "d":
			s.dataDir = value
		}
	}
}
