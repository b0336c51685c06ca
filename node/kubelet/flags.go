package kubelet

import (
	"fmt"
	"strings"
)

// flags are what a kubelet's command line says about its configuration.
type flags struct {
	config, configDir string
	rootDir           string
	// ignoresPods is --experimental-allocatable-ignore-eviction: the pods' cgroup
	// has no threshold, whatever enforceNodeAllocatable says.
	ignoresPods bool
	release     release
	// values holds what flags have set of a document's fields, and given copies
	// those into another document.
	values document
	given  []func(*document)
}

// defaultRootDir is --root-dir where it is not given.
const defaultRootDir = "/var/lib/kubelet"

// parseFlags reads a command line, without the program's name, as the kubelet
// does. Flags that do not matter here are passed over, known or not: a kubelet
// that runs has no other ones. Whether one of those takes the next argument for
// its value is told by the argument: a running kubelet has none that stands
// alone.
func parseFlags(args []string, r release) (*flags, error) {
	f := &flags{rootDir: defaultRootDir, release: r}
	for len(args) > 0 {
		arg, rest := args[0], args[1:]
		long, isLong := strings.CutPrefix(arg, "--")
		var err error
		switch {
		case arg == "--":
			return f, alone(rest)
		case isLong:
			rest, err = f.take(long, rest)
		case arg == "-v" && len(rest) > 0:
			rest = rest[1:]
		case stands(arg):
			err = alone(args)
		}
		if err != nil {
			return nil, err
		}
		args = rest
	}
	return f, nil
}

// take reads a flag, whose value may be the first of the arguments behind it, and
// returns what is left of these.
func (f *flags) take(flag string, behind []string) ([]string, error) {
	name, value, given := strings.Cut(flag, "=")
	name = strings.ReplaceAll(name, "_", "-")
	set, matters := settings[name]
	switch {
	case given:
	case switches[name]:
		value = "true"
	case matters && len(behind) == 0:
		return nil, fmt.Errorf("--%s: has no value", name)
	case matters || len(behind) > 0 && stands(behind[0]):
		value, behind = behind[0], behind[1:]
	}
	if !matters {
		return behind, nil
	}
	if err := set(f, value); err != nil {
		return nil, fmt.Errorf("--%s: %q: %w", name, value, err)
	}
	return behind, nil
}

// alone is the error of arguments that belong to no flag, nil if there are none.
func alone(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("argument %q: is neither a flag nor a flag's value", args[0])
}

// stands reports whether an argument is no flag.
func stands(arg string) bool { return len(arg) < 2 || arg[0] != '-' }

// apply lets flags win over a document. A map is replaced as a whole, except for
// the feature gates.
func (f *flags) apply(d *document) {
	for _, set := range f.given {
		set(d)
	}
}
