package cluster

import "strings"

// joined makes a shell join cgroups and become a program.
const joined = `for file in $1; do echo $$ > "$file"; done; shift; exec "$@"`

// Join makes a cgroup of the lab, in all hierarchies, and returns the command line
// that begins a program in it. Whatever is in it ends with the lab.
func (c *Cluster) Join(name string) ([]string, error) {
	path := "/" + c.ID + "/" + name
	if err := makeCgroup(path); err != nil {
		return nil, err
	}
	roots, err := hierarchies()
	if err != nil {
		return nil, err
	}
	files := make([]string, len(roots))
	for i, root := range roots {
		files[i] = root + path + "/cgroup.procs"
	}
	return []string{"/bin/sh", "-c", joined, "sh", strings.Join(files, " ")}, nil
}
