//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/cluster"
)

// talkative makes a kubelet log what it compares (debugLogObservations in
// pkg/kubelet/eviction/helpers.go).
const talkative = "--v=3"

// A look is one round of a kubelet's eviction manager, from its own log.
type look struct {
	readings map[headroom.Signal]headroom.Reading
	// met are the thresholds that were met, whatever their grace period: what was
	// compared with what was available.
	met  map[headroom.Signal]int64
	over bool
}

var (
	observed = regexp.MustCompile(`"Eviction manager:" log="observations" signal="([^"]+)".* available="([^"]+)" capacity="([^"]+)"`)
	crossed  = regexp.MustCompile(`log="thresholds - ignoring grace period" signal="([^"]+)".* quantity="([^"]+)" available=`)
	decided  = regexp.MustCompile(`"Eviction manager: (no resources are starved|attempting to reclaim)"`)
)

// looks reads a kubelet's rounds from its log:
//
//	… "FileSystem detection" DedicatedImageFs=false SplitImageFs=null
//	… "Eviction manager:" log="observations" signal="nodefs.available" resourceName="ephemeral-storage" available="1976Mi" capacity="1992552Ki" time="…"
//	… "Eviction manager: threshold observed resource" log="thresholds - ignoring grace period" signal="nodefs.available" resourceName="ephemeral-storage" quantity="2Gi" available="1976Mi"
//	… "Eviction manager: no resources are starved"
func looks(n *cluster.Node) ([]look, error) {
	log, err := n.Log()
	if err != nil {
		return nil, err
	}
	var all []look
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"FileSystem detection"`) {
			if last := len(all) - 1; last >= 0 {
				all[last].over = true
			}
			all = append(all, look{make(map[headroom.Signal]headroom.Reading), make(map[headroom.Signal]int64), false})
			continue
		}
		if len(all) == 0 {
			continue
		}
		if err := all[len(all)-1].take(line); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return all, nil
}

func (l *look) take(line string) error {
	if m := observed.FindStringSubmatch(line); m != nil {
		available, err := amount(m[2])
		if err != nil {
			return err
		}
		capacity, err := amount(m[3])
		signal := headroom.Signal(m[1])
		l.readings[signal] = headroom.Reading{Signal: signal, Available: available, Capacity: capacity}
		return err
	}
	if m := crossed.FindStringSubmatch(line); m != nil {
		quantity, err := amount(m[2])
		l.met[headroom.Signal(m[1])] = quantity
		return err
	}
	l.over = l.over || decided.MatchString(line)
	return nil
}

// amount reads a quantity as the kubelet writes it.
func amount(text string) (int64, error) {
	q, err := resource.ParseQuantity(text)
	return q.Value(), err
}
