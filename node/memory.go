package node

import (
	"time"

	"github.com/nodeheadroom/headroom"
)

// Memory reads memory.available as the kubelet computes it: the machine's
// memory without the working set of the root cgroup, which is its usage without
// inactive page cache. That is not MemAvailable: active page cache and shared
// memory count as used. With hugePages (see Facts) what is set aside as huge
// pages is not available, either. Capacity is what of the machine's memory is
// then left.
//
// From cadvisor (machine.go, container/libcontainer/handler.go),
// opencontainers/cgroups (fs/memory.go, fs2/memory.go) and adjustForHugePages in
// pkg/kubelet/server/stats/summary.go. The kubelet knows the huge pages that
// there were when it started; this counts those there are.
//
// It costs 8 system calls with cgroup v2, 10 with v1.
func (h Host) Memory(hugePages bool) (headroom.Reading, error) {
	m, err := newMemoryProber(h, nil).probe()
	if err != nil {
		return headroom.Reading{}, err
	}
	return m.reading(hugePages)
}

// A memory is what memory.available is computed of. It is read without knowing
// whether huge pages count, so that all who ask at once can share it.
type memory struct {
	machine meminfo
	used    int64 // the working set of the root cgroup
	at      time.Time
}

// reading saturates only where the kubelet does.
func (m memory) reading(hugePages bool) (headroom.Reading, error) {
	available := m.machine.total - m.used
	if hugePages {
		huge, err := m.machine.huge, m.machine.hugeErr
		if err != nil {
			return headroom.Reading{}, err
		}
		// It compares unsigned: what is negative is more than any number.
		if uint64(available) > uint64(huge) {
			available -= huge
		} else {
			available = 0
		}
	}
	return headroom.Reading{
		Signal:    headroom.MemoryAvailable,
		Available: available,
		Capacity:  available + m.used,
		At:        m.at,
	}, nil
}

// A memoryProber reads memory again and again: 2 system calls with cgroup v2 and
// 3 with v1 from the second time on. Only one call at a time.
type memoryProber struct {
	host    Host
	files   openFiles
	meminfo string
	root    memcg // zero until it was read with success
	buf     [memoryBuffer]byte
}

// memoryBuffer holds the longest file read here, memory.stat: 2 KB on today's
// kernels.
const memoryBuffer = 8 << 10

func newMemoryProber(h Host, files openFiles) *memoryProber {
	return &memoryProber{host: h, files: files, meminfo: h.Proc + "/meminfo"}
}

func (p *memoryProber) probe() (memory, error) {
	machine, err := readMeminfo(p.files, p.meminfo, p.buf[:])
	if err != nil {
		return memory{}, err
	}
	root := p.root
	if root == (memcg{}) {
		if root, err = p.host.rootMemcg(); err != nil {
			return memory{}, err
		}
	}
	p.root = memcg{} // after an error another hierarchy may be there
	used, err := root.workingSet(p.files, p.buf[:])
	if err != nil {
		return memory{}, err
	}
	p.root = root
	return memory{machine: machine, used: used, at: time.Now()}, nil
}
