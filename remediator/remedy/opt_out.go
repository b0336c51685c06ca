package remedy

import (
	"context"
	"errors"
	"fmt"
)

// optOutKey is the annotation that keeps a pod's logs and containers as they
// are, unless its value is "false": who writes True, yes or nothing has meant it.
const optOutKey = "nodeheadroom.io/opt-out"

const hasOptedOut = "its pod has opted out (" + optOutKey + ")"

func optsOut(annotations map[string]string) bool {
	value, given := annotations[optOutKey]
	return given && value != "false"
}

// A podSet is some pods, by UID and by name: a static pod's UID is not the same
// everywhere.
type podSet struct {
	uids  map[string]bool
	names map[[2]string]bool
}

func (s *podSet) add(namespace, name, uid string) {
	if s.uids == nil {
		s.uids, s.names = make(map[string]bool), make(map[[2]string]bool)
	}
	s.uids[uid] = true
	s.names[[2]string{namespace, name}] = true
}

func (s podSet) has(p podName) bool {
	return p.uid != "" && s.uids[p.uid] || s.names[[2]string{p.namespace, p.name}]
}

// spares returns why what is p's is to be left alone, or "".
func (s podSet) spares(p podName) string {
	if s.has(p) {
		return hasOptedOut
	}
	return ""
}

// optedOut returns the pods that have opted out, as far as the pods themselves
// and the runtime's sandboxes say so; a sandbox says what was so when it was
// made. Where neither can be asked there are none; where none that can be asked
// answers, it cannot be told.
func optedOut(ctx context.Context, n Node) (podSet, error) {
	var set podSet
	var failed []error
	answers := 0
	if n.Pods != nil {
		pods, err := n.Pods.Pods(ctx)
		if err != nil {
			failed = append(failed, fmt.Errorf("list pods: %w", err))
		} else {
			answers++
		}
		for _, p := range pods {
			if optsOut(p.Annotations) {
				set.add(p.Namespace, p.Name, p.UID)
			}
		}
	}
	if n.Runtime != nil {
		sandboxes, err := n.Runtime.Sandboxes(ctx)
		if err != nil {
			failed = append(failed, fmt.Errorf("list sandboxes: %w", err))
		} else {
			answers++
		}
		for _, s := range sandboxes {
			if optsOut(s.Annotations) {
				set.add(s.Namespace, s.Pod, s.PodUID)
			}
		}
	}
	if answers == 0 && len(failed) > 0 {
		return podSet{}, fmt.Errorf("cannot tell which pods have opted out: %w", errors.Join(failed...))
	}
	return set, nil
}
