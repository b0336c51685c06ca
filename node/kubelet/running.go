package kubelet

import (
	"context"
	"fmt"
	"slices"
)

// A running kubelet is found by its process. Only one read at a time.
type running struct {
	proc    string
	rootDir string         // which kubelet is meant; empty where there is one
	release func() release // what is known of the kubelet's when it is asked

	process *process
	// begun is the configuration as it was when the process was first looked at,
	// by begunBy's rules: a kubelet reads its files only when it starts.
	begun   *Configuration
	begunBy release
	// What the process's files held last, and what came of them: the same bytes
	// are not parsed again.
	read   []namedFile
	by     release
	parsed *Configuration
}

// configuration returns what the kubelet runs with. OnDisk is what its command
// line and its files make now, nil while that cannot be told. While the process lives and no
// file changes, little is done: some files are read and compared.
func (k *running) configuration(context.Context) (*Configuration, error) {
	if k.process == nil || !k.process.lives() {
		*k = running{proc: k.proc, rootDir: k.rootDir, release: k.release}
		p, err := find(k.proc, k.rootDir)
		if err != nil {
			return nil, err
		}
		k.process = p
	}
	now, err := k.resolve()
	switch {
	case err == nil && (k.begun == nil || k.begunBy != k.by):
		k.begun, k.begunBy = now, k.by
	case k.begun == nil:
		return nil, fmt.Errorf("%s %d: %w", k.process.host.name, k.process.pid, err)
	}
	c := *k.begun // of which an error now takes nothing back
	c.OnDisk = now
	return &c, nil
}

// resolve makes a configuration of the command line and the files as they are.
func (k *running) resolve() (*Configuration, error) {
	v := &view{process: k.process.dir}
	args, err := k.process.host.args(k.process, v)
	if err != nil {
		return nil, err
	}
	r := k.release()
	f, err := parseFlags(args, r)
	if err != nil {
		return nil, err
	}
	base, dropins, err := f.read(v)
	if err != nil {
		return nil, err
	}
	if k.parsed != nil && k.by == r && slices.EqualFunc(k.read, v.read, namedFile.equal) {
		return k.parsed, nil
	}
	d, err := merge(base, dropins, f, r)
	if err != nil {
		return nil, err
	}
	c, err := d.configuration(r)
	if err != nil {
		return nil, err
	}
	c.RootDir = f.rootDir
	if f.ignoresPods {
		c.ignorePods()
	}
	k.read, k.by, k.parsed = v.read, r, c
	return c, nil
}

// read reads the files that flags name.
func (f *flags) read(v *view) (base *namedFile, dropins []namedFile, err error) {
	if f.config != "" {
		data, err := v.file(f.config)
		if err != nil {
			return nil, nil, fmt.Errorf("--config: %w", err)
		}
		base = &namedFile{f.config, data}
	}
	if f.configDir != "" {
		dropins, err = v.dropins(f.configDir)
	}
	return base, dropins, err
}
