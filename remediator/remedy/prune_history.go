package remedy

import (
	"fmt"
	"path"

	"github.com/nodeheadroom/headroom/node/runtime"
)

// A unit is what the kubelet keeps the last dead container of.
type unit struct{ uid, name string }

// A history is the containers of each unit.
type history map[unit][]runtime.Container

func historyOf(all []runtime.Container) history {
	h := make(history)
	for _, c := range all {
		u := unit{c.PodUID, c.Name}
		h[u] = append(h[u], c)
	}
	return h
}

// folders returns the containers by the folder of their logs.
func (h history) folders() map[string][]runtime.Container {
	units := make(map[string][]runtime.Container)
	for _, all := range h {
		for _, c := range all {
			folder := path.Dir(logOf(c))
			units[folder] = append(units[folder], c)
		}
	}
	return units
}

// last reports whether c may be the newest dead container of its unit, by when
// it was made or by its number: the two may differ after a clock was set.
func (h history) last(c runtime.Container) bool {
	newest, highest := true, true
	for _, other := range h[unit{c.PodUID, c.Name}] {
		if other.ID != c.ID && other.Dead {
			newest = newest && !other.Created.After(c.Created)
			highest = highest && other.Attempt <= c.Attempt
		}
	}
	return newest || highest
}

// kubernetes reports whether a kubelet's labels say whose c is.
func kubernetes(c runtime.Container) bool {
	label := func(key string) string { return c.Labels["io.kubernetes."+key] }
	return c.PodUID != "" && c.Name != "" && label("pod.uid") == c.PodUID && label("container.name") == c.Name &&
		label("pod.namespace") != "" && label("pod.name") != ""
}

// deadName names a container for people.
func deadName(c runtime.Container) string {
	return printable(fmt.Sprintf("container %s/%s/%s/%d %.13s", c.Namespace, c.Pod, c.Name, c.Attempt, c.ID))
}
