package node

import (
	"bytes"
	"fmt"
	"strconv"
)

// A meminfo is what /proc/meminfo tells about the machine, in bytes.
type meminfo struct {
	total   int64
	huge    int64 // set aside as huge pages of any size
	hugeErr error // why that is not known
}

func readMeminfo(files openFiles, path string, buf []byte) (meminfo, error) {
	data, err := files.read(path, buf)
	if err != nil {
		return meminfo{}, err
	}
	var m meminfo
	if m.total, err = parseKilobytes(data, "MemTotal"); err != nil {
		return meminfo{}, fmt.Errorf("%s: %w", path, err)
	}
	if m.huge, err = parseHugetlb(data); err != nil {
		m.hugeErr = fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parseHugetlb takes the memory set aside as huge pages from /proc/meminfo:
//
//	HugePages_Total:    1024
//	HugePages_Surp:        0
//	Hugepagesize:       2048 kB
//	Hugetlb:         4194304 kB
//
// The last line is the sum over all sizes, surplus pages included, as are the
// nr_hugepages in sysfs that the kubelet publishes as the node's capacity
// (hugetlb_report_meminfo and nr_hugepages_show_common in the kernel). It is
// there since Linux 4.16. Without it, an older kernel's other lines tell of one
// size only, which is not the sum; a kernel that has no huge pages has none of
// these lines.
func parseHugetlb(data []byte) (int64, error) {
	if _, ok := find(data, "Hugetlb:"); !ok {
		if _, ok := find(data, "HugePages_Total:"); !ok {
			return 0, nil
		}
	}
	return parseKilobytes(data, "Hugetlb")
}

// parseKilobytes takes one value from /proc/meminfo, in bytes:
//
//	MemTotal:       16384000 kB
//	MemFree:         9052788 kB
func parseKilobytes(data []byte, key string) (int64, error) {
	value, ok := find(data, key+":")
	if !ok {
		return 0, fmt.Errorf("no %s", key)
	}
	kb, err := parseInt(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB")))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	if kb > maxBytes/1024 {
		return 0, fmt.Errorf("%s: %d kB is out of range", key, kb)
	}
	return kb * 1024, nil
}

// maxBytes is more memory than any machine has, and so little that sums and
// differences of a few such numbers do not overflow.
const maxBytes = 1 << 60

// find returns what follows key, to the end of the line that begins with it.
func find(data []byte, key string) ([]byte, bool) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if len(line) > len(key) && string(line[:len(key)]) == key {
			return line[len(key):], true
		}
		data = rest
	}
	return nil, false
}

func parseInt(b []byte) (int64, error) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("%d is negative", n)
	}
	return n, nil
}

func parseBytes(b []byte) (int64, error) {
	n, err := parseInt(b)
	if err != nil {
		return 0, err
	}
	if n > maxBytes {
		return 0, fmt.Errorf("%d bytes are out of range", n)
	}
	return n, nil
}
