package kubelet

import (
	"os"
	"path"
	"strings"
)

// microk8sArgsFile is where MicroK8s's kubelite looks for the kubelet's arguments
// unless it is told otherwise.
const microk8sArgsFile = "/var/snap/microk8s/current/args/kubelet"

// kubeliteArgs reads the kubelet's arguments from the file that MicroK8s's
// kubelite, one program for all of Kubernetes, takes them from:
//
//	# comments
//	--root-dir=${SNAP_COMMON}/var/lib/kubelet
//	--eviction-hard="memory.available<100Mi,nodefs.available<1Gi,imagefs.available<1Gi"
//
// Quotes are dropped wherever they are, and a space separates arguments
// (ReadArgsFromFile in kubelite's options.go).
func kubeliteArgs(p *process, v *view) ([]string, error) {
	file := microk8sArgsFile
	for i, arg := range p.argv {
		name, value, given := strings.Cut(arg, "=")
		switch {
		case strings.ReplaceAll(name, "_", "-") != "--kubelet-args-file":
		case given:
			file = value
		case i+1 < len(p.argv):
			file = p.argv[i+1]
		}
	}
	data, err := v.file(file)
	if err != nil {
		return nil, err
	}
	var args []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		line = strings.NewReplacer(`"`, "", "'", "").Replace(line)
		args = append(args, strings.Fields(os.Expand(line, snapVariable(file)))...)
	}
	return args, nil
}

// snapVariable expands what snapd sets for the snap that file belongs to, by the
// file's name: /var/snap/microk8s/9044/args/kubelet. Others stay as they are.
func snapVariable(file string) func(string) string {
	data := path.Dir(path.Dir(file))
	name, revision := path.Base(path.Dir(data)), path.Base(data)
	return func(variable string) string {
		switch variable {
		case "SNAP_DATA":
			return data
		case "SNAP_COMMON":
			return path.Join(path.Dir(data), "common")
		case "SNAP":
			return path.Join("/snap", name, revision)
		}
		return "${" + variable + "}"
	}
}
