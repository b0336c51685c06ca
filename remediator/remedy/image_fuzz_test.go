package remedy

import (
	"slices"
	"testing"

	"github.com/nodeheadroom/headroom/node"
	"github.com/nodeheadroom/headroom/node/runtime"
)

// Whatever images there are and whoever names them in whatever way: none that is
// named by anybody is planned to go. Each byte of the input is one reference: who
// makes it, and to what.
func FuzzImageGC(f *testing.F) {
	f.Add([]byte{0, 7, 64, 130, 200, 255})
	f.Add([]byte("who needs what"))
	f.Fuzz(func(t *testing.T, who []byte) {
		s := newShop(t)
		s.images[5].Tags = append(s.images[5].Tags, "r.example/also:1")
		var named []string
		for _, b := range who {
			image := s.images[int(b>>4)%len(s.images)]
			ways := slices.Concat([]string{image.ID, trimID(image.ID)}, image.Tags, image.Digests)
			ref := ways[int(b>>2)%len(ways)]
			switch b % 4 {
			case 0:
				s.pods = append(s.pods, node.Pod{UID: "u", Images: []string{ref}})
			case 1:
				s.containers = append(s.containers, runtime.Container{ID: "c", Dead: b > 128, ImageRefs: []string{ref}})
			case 2: // of a pod that the kubelet lists: an unknown pod's holds back everything
				s.sandboxes = append(s.sandboxes, runtime.Sandbox{ID: "s", PodUID: "u1", Ready: b > 128, ImageRefs: []string{ref}})
			default:
				continue // nobody
			}
			named = append(named, image.ID)
		}
		plan := s.plan(gc(t, ""), bytesNeed(1<<40))
		for _, item := range plan.Items {
			if slices.Contains(named, item.id) || item.id == id("pause:1") || item.id == id("web:2") {
				t.Errorf("%x: %s is needed", who, item.What)
			}
		}
		left := 0
		for _, i := range s.images[2:] {
			if !slices.Contains(named, i.ID) {
				left++
			}
		}
		if len(plan.Items) != left {
			t.Errorf("%x: %d of %d that nobody needs are planned", who, len(plan.Items), left)
		}
	})
}
