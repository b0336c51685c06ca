package headroom

import "fmt"

// Format returns n of u as people read it: bytes in binary steps with one
// decimal ("1.5 GiB"), the rest as they are ("12 inodes").
func (u Unit) Format(n int64) string {
	if u != Bytes {
		return fmt.Sprintf("%d %s", n, u)
	}
	v, step := float64(n), 0
	for (v >= 1024 || v <= -1024) && step < 6 {
		v, step = v/1024, step+1
	}
	if step == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", v, " KMGTPE"[step])
}
