package node

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nodeheadroom/headroom"
)

// noObservation is allocatableMemory.available where the cgroup of all pods has
// no limit: the kubelet then compares nothing.
var noObservation = headroom.Reading{}

// Allocatable reads allocatableMemory.available as the kubelet computes it: the
// memory limit of the cgroup of all pods without its working set, which may be
// more, so that it can be negative. Capacity is the limit. names are
// Facts.PodCgroups. Without a limit the Reading is the zero one.
//
// From cadvisor (container/common/helpers.go, container/libcontainer/handler.go,
// manager/manager.go) and pkg/kubelet/stats/helper.go. Huge pages are not taken
// from it there, either.
//
// It costs 10 system calls if the first name is there.
func (h Host) Allocatable(names []string) (headroom.Reading, error) {
	return newPodProber(h, nil).probe(names)
}

// A podProber reads allocatableMemory.available again and again: 3 system calls
// from the second time on, 1 without a limit. Only one call at a time.
type podProber struct {
	host    Host
	files   openFiles
	meminfo string
	names   []string // among which cgroup was found
	cgroup  memcg    // zero until one was
	buf     [memoryBuffer]byte
}

func newPodProber(h Host, files openFiles) *podProber {
	return &podProber{host: h, files: files, meminfo: h.Proc + "/meminfo"}
}

func (p *podProber) probe(names []string) (headroom.Reading, error) {
	if p.cgroup != (memcg{}) && slices.Equal(p.names, names) {
		r, err := p.read(p.cgroup)
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	return p.find(names)
}

// find reads the first cgroup that exists, and remembers it.
func (p *podProber) find(names []string) (headroom.Reading, error) {
	p.cgroup = memcg{}
	var absent error
	for _, name := range names {
		p.files.close() // of another cgroup
		cgroup, err := p.host.podMemcg(name)
		if err != nil {
			return headroom.Reading{}, err
		}
		r, err := p.read(cgroup)
		if errors.Is(err, fs.ErrNotExist) {
			absent = err
			continue
		}
		if err == nil {
			p.cgroup, p.names = cgroup, slices.Clone(names)
		}
		return r, err
	}
	return headroom.Reading{}, fmt.Errorf("no cgroup %s: %w", strings.Join(names, " or "), absent)
}

// podMemcg returns the files of a cgroup, or of the root.
func (h Host) podMemcg(name string) (memcg, error) {
	if strings.Trim(name, "/") == "" {
		return h.rootMemcg()
	}
	v2, err := h.hasCgroup2()
	return h.memcg(v2, name), err
}

func (p *podProber) read(c memcg) (headroom.Reading, error) {
	limit, err := p.limit(c)
	if err != nil || limit == unlimited {
		return noObservation, err
	}
	used, err := c.workingSet(p.files, p.buf[:])
	if err != nil {
		return headroom.Reading{}, err
	}
	return headroom.Reading{
		Signal:    headroom.AllocatableMemoryAvailable,
		Available: limit - used,
		Capacity:  limit,
		At:        time.Now(),
	}, nil
}

// limit returns a cgroup's memory limit in bytes. 0 stands for the machine's
// memory, as in cadvisor.
func (p *podProber) limit(c memcg) (int64, error) {
	if c.limit != "" {
		limit, err := p.files.number(c.limit, p.buf[:], parseLimit)
		if err != nil || limit > 0 {
			return limit, err
		}
	}
	machine, err := readMeminfo(p.files, p.meminfo, p.buf[:])
	return machine.total, err
}

// unlimited is a limit that is none.
const unlimited = math.MaxInt64

// parseLimit takes a limit from memory.max or memory.limit_in_bytes: a number of
// bytes, or "max". The kubelet takes whatever is above 2⁶² for none, for v1 writes
// the largest number of pages.
func parseLimit(data []byte) (int64, error) {
	if string(data) == "max" {
		return unlimited, nil
	}
	n, err := strconv.ParseUint(string(data), 10, 64)
	if err != nil {
		return 0, err
	}
	if n > 1<<62 {
		return unlimited, nil
	}
	return int64(n), nil
}
