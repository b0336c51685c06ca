package runtime

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// response makes an ImageFsInfoResponse as api.proto has it.
func response(images, containers string) string {
	message := protowire.AppendTag(nil, 1, protowire.BytesType)
	message = protowire.AppendBytes(message, filesystemUsage(images))
	message = protowire.AppendTag(message, 2, protowire.BytesType)
	return string(protowire.AppendBytes(message, filesystemUsage(containers)))
}

func filesystemUsage(mountpoint string) []byte {
	id := protowire.AppendTag(nil, 1, protowire.BytesType)
	id = protowire.AppendString(id, mountpoint)
	usage := protowire.AppendTag(nil, 1, protowire.VarintType)
	usage = protowire.AppendVarint(usage, 1763880000000000000)
	usage = protowire.AppendTag(usage, 2, protowire.BytesType)
	usage = protowire.AppendBytes(usage, id)
	usage = protowire.AppendTag(usage, 3, protowire.BytesType)
	return protowire.AppendBytes(usage, []byte("\x08\x80\x80\x04"))
}

func TestOfSeveralFilesystemsTheFirstCounts(t *testing.T) {
	got, err := parseImageFsInfo([]byte(response("/a", "/b") + response("/c", "/d")))
	if want := (Filesystems{"/a", "/b"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParseImageFsInfo(f *testing.F) {
	f.Add([]byte(response("/a", "/b")))
	f.Add([]byte(response("", "b")))
	f.Add([]byte("\x0a\x02\x12\x00\x13\x14\xff"))
	f.Fuzz(func(t *testing.T, message []byte) {
		found, err := parseImageFsInfo(message)
		if err == nil && (found.Images[0] != '/' || found.Containers[0] != '/') {
			t.Errorf("%+v", found)
		}
	})
}
