//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

type amounts struct{ bytes, inodes float64 }

// A podUsage is what the kubelet's summary says of the pod.
type podUsage struct {
	logs, layer, data, words amounts
	processes                float64
}

// usageOf asks the kubelet what a pod uses.
func usageOf(t *testing.T, n *cluster.Node, pod string) (podUsage, error) {
	var u podUsage
	s, err := n.Summary(t.Context())
	if err != nil {
		return u, err
	}
	for _, p := range s.Pods {
		if p.PodRef.Name != pod {
			continue
		}
		for _, c := range p.Containers {
			switch {
			case c.Name == "logs" && c.Logs != nil:
				u.logs = amountsOf(c.Logs)
			case c.Name == "layer" && c.RootFS != nil:
				u.layer = amountsOf(c.RootFS)
			}
		}
		for _, v := range p.Volume {
			switch v.Name {
			case "data":
				u.data = amountsOf(&v.FilesystemStats)
			case "words":
				u.words = amountsOf(&v.FilesystemStats)
			}
		}
		if p.ProcessStats != nil && p.ProcessStats.ProcessCount != nil {
			u.processes = float64(*p.ProcessStats.ProcessCount)
		}
		return u, nil
	}
	return u, fmt.Errorf("the kubelet's summary has no pod %s", pod)
}

func amountsOf(f *cluster.FilesystemStats) amounts {
	var a amounts
	if f.UsedBytes != nil {
		a.bytes = float64(*f.UsedBytes)
	}
	if f.InodesUsed != nil {
		a.inodes = float64(*f.InodesUsed)
	}
	return a
}

// atLeast is nil once the kubelet has seen what the pod has taken.
func atLeast(got, least float64) error {
	if got < least {
		return fmt.Errorf("the kubelet sees %v, want %v at least", got, least)
	}
	return nil
}

// oneOfImages wants all images to be one consumer.
func oneOfImages(s samples, name string) error {
	var found []string
	for key := range s.of(name) {
		if strings.Contains(key, `kind="images"`) {
			found = append(found, key)
		}
	}
	want := series(name, "filesystem", "imagefs", "kind", "images", "namespace", "", "pod", "", "container", "")
	if len(found) != 1 || found[0] != want || s[want] <= 0 {
		return fmt.Errorf("images are %v, want only %s", found, want)
	}
	return nil
}

// within wants a series' value to lie between two.
func within(s samples, least, most float64, name string, labels ...string) error {
	got, err := s.get(name, labels...)
	if err == nil && (got < least || got > most) {
		err = fmt.Errorf("%s is %v, want %v to %v", series(name, labels...), got, least, most)
	}
	return err
}
