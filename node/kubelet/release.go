package kubelet

import (
	"strconv"
	"strings"
)

// A release is the minor version of a kubelet: 29 is 1.29. The zero one is not
// known, and is taken for the newest.
type release int

// parseRelease takes the release from a version such as v1.29.4+k3s1 or 1.27.3-gke.100.
func parseRelease(version string) release {
	after, ok := strings.CutPrefix(strings.TrimPrefix(version, "v"), "1.")
	if !ok {
		return 0
	}
	if end := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		after = after[:end]
	}
	minor, err := strconv.Atoi(after)
	if err != nil {
		return 0
	}
	return release(minor)
}

// since reports whether r is 1.minor or a later one.
func (r release) since(minor release) bool { return r == 0 || r >= minor }
