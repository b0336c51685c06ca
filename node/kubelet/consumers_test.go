package kubelet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nodeheadroom/headroom"
)

// The pods wrote 1,234,567 bytes to an emptyDir on disk, and 777,777 to one in
// memory, which does not appear; "plain" has no volume.
func TestRecordedSummarysConsumers(t *testing.T) {
	want := []string{
		" processes jobs/web-d-n1/ 2 pids",
		" processes shop/plain-n1/ 1 pids",
		" processes shop/web-b-n1/ 2 pids",
		"containerfs writable jobs/web-d-n1/app 11 inodes",
		"containerfs writable jobs/web-d-n1/app 331776 bytes",
		"containerfs writable jobs/web-d-n1/side 12 inodes",
		"containerfs writable jobs/web-d-n1/side 1568768 bytes",
		"containerfs writable shop/plain-n1/app 11 inodes",
		"containerfs writable shop/plain-n1/app 1564672 bytes",
		"containerfs writable shop/web-b-n1/app 11 inodes",
		"containerfs writable shop/web-b-n1/app 331776 bytes",
		"containerfs writable shop/web-b-n1/side 12 inodes",
		"containerfs writable shop/web-b-n1/side 1568768 bytes",
		"imagefs images // 53 inodes",
		"imagefs images // 7041024 bytes",
		"nodefs emptyDir jobs/web-d-n1/ 1241088 bytes",
		"nodefs emptyDir jobs/web-d-n1/ 2 inodes",
		"nodefs emptyDir shop/web-b-n1/ 1241088 bytes",
		"nodefs emptyDir shop/web-b-n1/ 2 inodes",
		"nodefs logs jobs/web-d-n1/app 1 inodes",
		"nodefs logs jobs/web-d-n1/app 282624 bytes",
		"nodefs logs jobs/web-d-n1/side 1 inodes",
		"nodefs logs jobs/web-d-n1/side 282624 bytes",
		"nodefs logs shop/plain-n1/app 1 inodes",
		"nodefs logs shop/plain-n1/app 282624 bytes",
		"nodefs logs shop/web-b-n1/app 2 inodes",
		"nodefs logs shop/web-b-n1/app 565248 bytes",
		"nodefs logs shop/web-b-n1/side 2 inodes",
		"nodefs logs shop/web-b-n1/side 565248 bytes",
	}
	if diff := cmp.Diff(want, consumerLines(parseSummary(t, recorded(t)).Consumers)); diff != "" {
		t.Error(diff)
	}
}

func TestConsumers(t *testing.T) {
	// The filesystem of a volume on the node's disk, and one in memory: there, who
	// counts files counts all that are in use.
	const onDisk, inMemory = `"inodes":1000,"inodesFree":900`, `"inodes":1000,"inodesFree":998,"inodesUsed":2`
	for name, c := range map[string]struct {
		images string // runtime.imageFs
		pods   []string
		want   []string
	}{
		"no pods and no images": {},
		"a pod without containers": {
			pods: []string{pod("a", "1", `"containers":null,"process_stats":{"process_count":3}`)},
			want: []string{" processes ns/a/ 3 pids"},
		},
		"what uses nothing is left out": {
			images: `"usedBytes":0,"inodesUsed":0`,
			pods:   []string{pod("a", "1", `"containers":[{"name":"c","logs":{"usedBytes":0,"inodesUsed":1},"rootfs":{"usedBytes":null}}],"process_stats":{"process_count":0}`)},
			want:   []string{"nodefs logs ns/a/c 1 inodes"},
		},
		"a pod without a name is nobody": {
			pods: []string{`{"containers":[{"name":"c","logs":{"usedBytes":7}}]}`},
		},
		"more than a disk can hold is none: cAdvisor's logs fell below zero": {
			pods: []string{pod("a", "1", `"containers":[{"name":"c","logs":{"usedBytes":18446744073709551000}}]`)},
		},
		"inodes that are the whole filesystem's are not a container's": {
			pods: []string{pod("a", "1", `"containers":[{"name":"c","logs":{"usedBytes":7,`+onDisk+`,"inodesUsed":100}}]`)},
			want: []string{"nodefs logs ns/a/c 7 bytes"},
		},

		// ephemeral-storage is 10 of a container, 5 of its logs, 4096 of /etc/hosts,
		// and what the pod has of emptyDirs and configMaps.
		"/etc/hosts is no emptyDir": {
			pods: []string{pod("a", "1", `"containers":[`+tenAndFive+`],"ephemeral-storage":{"usedBytes":4111}`)},
			want: []string{"containerfs writable ns/a/c 10 bytes", "nodefs logs ns/a/c 5 bytes"},
		},
		"an emptyDir on disk, to the byte": {
			pods: []string{pod("a", "1", `"containers":[`+tenAndFive+`],"ephemeral-storage":{"usedBytes":12311},"volume":[{"usedBytes":8200,`+onDisk+`,"inodesUsed":3}]`)},
			want: []string{"containerfs writable ns/a/c 10 bytes", "nodefs emptyDir ns/a/ 8200 bytes", "nodefs logs ns/a/c 5 bytes"},
		},
		"an emptyDir in memory is not on disk": {
			pods: []string{pod("a", "1", `"ephemeral-storage":{"usedBytes":4096},"volume":[{"usedBytes":8200,`+inMemory+`}]`)},
		},
		"one in memory that counts no inodes is less than the rest": {
			pods: []string{pod("a", "1", `"ephemeral-storage":{"usedBytes":12288},"volume":[{"usedBytes":8192,`+onDisk+`,"inodesUsed":3},{"usedBytes":1000000}]`)},
			want: []string{"nodefs emptyDir ns/a/ 12288 bytes"},
		},
		"a claim is not an emptyDir": {
			pods: []string{pod("a", "1", `"ephemeral-storage":{"usedBytes":12296},"volume":[{"usedBytes":8200,"pvcRef":null},{"usedBytes":90000,"pvcRef":{"name":"data"}},{"pvcRef":{"name":"data"},"usedBytes":90000}]`)},
			want: []string{"nodefs emptyDir ns/a/ 8200 bytes"},
		},
		"a configMap is taken for an emptyDir": {
			pods: []string{pod("a", "1", `"ephemeral-storage":{"usedBytes":16384},"volume":[{"name":"config","usedBytes":12288,`+onDisk+`,"inodesUsed":4}]`)},
			want: []string{"nodefs emptyDir ns/a/ 12288 bytes"},
		},
		"inodes of emptyDirs": {
			pods: []string{pod("a", "1", `"containers":[{"name":"c","rootfs":{"inodesUsed":10},"logs":{"inodesUsed":2}}],"ephemeral-storage":{"inodesUsed":16},"volume":[{`+onDisk+`,"inodesUsed":3},{`+inMemory+`}]`)},
			want: []string{"containerfs writable ns/a/c 10 inodes", "nodefs emptyDir ns/a/ 3 inodes", "nodefs logs ns/a/c 2 inodes"},
		},
		"inodes of emptyDirs where the kubelet leaves the logs' out": {
			pods: []string{pod("a", "1", `"containers":[{"name":"c","rootfs":{"inodesUsed":10},"logs":{"inodesUsed":2}}],"ephemeral-storage":{"inodesUsed":14},"volume":[{`+onDisk+`,"inodesUsed":3}]`)},
			want: []string{"containerfs writable ns/a/c 10 inodes", "nodefs emptyDir ns/a/ 2 inodes", "nodefs logs ns/a/c 2 inodes"},
		},
		"containers that outgrew the pod since it was counted": {
			pods: []string{pod("a", "1", `"containers":[`+tenAndFive+`],"ephemeral-storage":{"usedBytes":8},"volume":[{"usedBytes":8200,`+onDisk+`,"inodesUsed":3}]`)},
			want: []string{"containerfs writable ns/a/c 10 bytes", "nodefs logs ns/a/c 5 bytes"},
		},

		"images, and layers that containerd counts with them": {
			images: `"usedBytes":1000,"inodesUsed":50,"inodes":1000,"inodesFree":10`,
			pods:   []string{pod("a", "1", `"containers":[{"name":"c","rootfs":{"usedBytes":10,"inodesUsed":3}},{"name":"d","rootfs":{"usedBytes":20,"inodesUsed":4}}]`)},
			want: []string{"containerfs writable ns/a/c 10 bytes", "containerfs writable ns/a/c 3 inodes",
				"containerfs writable ns/a/d 20 bytes", "containerfs writable ns/a/d 4 inodes",
				"imagefs images // 43 inodes", "imagefs images // 970 bytes"},
		},
		"images, and layers that cannot be among them": {
			images: `"usedBytes":1000`,
			pods:   []string{pod("a", "1", `"containers":[{"name":"c","rootfs":{"usedBytes":1001}}]`)},
			want:   []string{"containerfs writable ns/a/c 1001 bytes", "imagefs images // 1000 bytes"},
		},
		"images that nobody counted": {
			images: `"usedBytes":4096,"inodes":1000,"inodesFree":10,"inodesUsed":990`,
		},

		"a pod and its predecessor of the same name are added up": {
			pods: []string{
				pod("a", "2", `"containers":[`+tenAndFive+`,{"name":"only","logs":{"usedBytes":1}}],"process_stats":{"process_count":3},"ephemeral-storage":{"usedBytes":116},"volume":[{"usedBytes":100}]`),
				pod("b", "9", `"containers":[`+tenAndFive+`]`),
				pod("a", "1", `"containers":[`+tenAndFive+`],"process_stats":{"process_count":4},"ephemeral-storage":{"usedBytes":1015},"volume":[{"usedBytes":1000}]`),
			},
			want: []string{" processes ns/a/ 7 pids",
				"containerfs writable ns/a/c 20 bytes", "containerfs writable ns/b/c 10 bytes",
				"nodefs emptyDir ns/a/ 1100 bytes",
				"nodefs logs ns/a/c 10 bytes", "nodefs logs ns/a/only 1 bytes", "nodefs logs ns/b/c 5 bytes"},
		},
		"two sandboxes of one pod share its logs and volumes": {
			pods: []string{
				pod("a", "1", `"containers":[`+tenAndFive+`],"process_stats":{"process_count":3},"ephemeral-storage":{"usedBytes":1015},"volume":[{"usedBytes":1000}]`),
				pod("a", "1", `"containers":[`+tenAndFive+`],"process_stats":{"process_count":4},"ephemeral-storage":{"usedBytes":1015},"volume":[{"usedBytes":1000}]`),
			},
			want: []string{" processes ns/a/ 7 pids", "containerfs writable ns/a/c 20 bytes", "nodefs emptyDir ns/a/ 1000 bytes", "nodefs logs ns/a/c 5 bytes"},
		},
		"two containers of one name share their logs": {
			pods: []string{pod("a", "1", `"containers":[`+tenAndFive+`,`+tenAndFive+`]`)},
			want: []string{"containerfs writable ns/a/c 20 bytes", "nodefs logs ns/a/c 5 bytes"},
		},
		"a name in two namespaces is two pods": {
			pods: []string{pod("a", "1", `"containers":[`+tenAndFive+`]`), `{"podRef":{"name":"a","namespace":"other","uid":"1"},"containers":[` + tenAndFive + `]}`},
			want: []string{"containerfs writable ns/a/c 10 bytes", "containerfs writable other/a/c 10 bytes", "nodefs logs ns/a/c 5 bytes", "nodefs logs other/a/c 5 bytes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseSummary(t, []byte(`{"pods":[`+strings.Join(c.pods, ",")+`],"node":{"runtime":{"imageFs":{`+c.images+`}}}}`)).Consumers
			checkConsumers(t, got)
			if diff := cmp.Diff(c.want, consumerLines(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const tenAndFive = `{"name":"c","rootfs":{"usedBytes":10},"logs":{"usedBytes":5}}`

func pod(name, uid, fields string) string {
	return `{"podRef":{"name":"` + name + `","namespace":"ns","uid":"` + uid + `"},` + fields + `}`
}

func consumerLines(cs []headroom.Consumer) (lines []string) {
	for _, c := range cs {
		lines = append(lines, fmt.Sprintf("%s %s %s/%s/%s %d %s", c.Filesystem, c.Kind, c.Namespace, c.Pod, c.Container, c.Used, c.Unit))
	}
	slices.Sort(lines)
	return lines
}
