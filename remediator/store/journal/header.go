package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

const (
	fileMagic   = "headroom journal"
	fileVersion = 2
	// oldVersion had requests and cases only.
	oldVersion = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeHeader returns the first block of a journal of size bytes.
func encodeHeader(size int64, made time.Time) []byte {
	b := make([]byte, block)
	copy(b, fileMagic)
	binary.LittleEndian.PutUint32(b[16:], fileVersion)
	binary.LittleEndian.PutUint64(b[24:], uint64(size))
	binary.LittleEndian.PutUint64(b[32:], uint64(made.UnixNano()))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// A newerError says that a later version of this program wrote the file.
type newerError struct{ version uint32 }

func (e newerError) Error() string {
	return fmt.Sprintf("format version %d is of a later release; this one knows version %d", e.version, fileVersion)
}

// checkHeader says what is wrong with b as the first block of a journal of the
// given size: a newerError for a sound header of a later version.
func checkHeader(b []byte, size int64) error {
	switch {
	case size == 0:
		return errors.New("empty file")
	case len(b) < 64 || string(b[:16]) != fileMagic:
		return fmt.Errorf("not a journal: does not begin with %q", fileMagic)
	case binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli):
		return errors.New("header: checksum does not match")
	}
	version := binary.LittleEndian.Uint32(b[16:])
	said := int64(binary.LittleEndian.Uint64(b[24:]))
	switch {
	case version > fileVersion:
		return newerError{version}
	case version != fileVersion && version != oldVersion:
		return fmt.Errorf("header: version %d does not exist", version)
	case said < MinSize || said > MaxSize:
		return fmt.Errorf("header: size %d, must be within %d and %d", said, MinSize, MaxSize)
	case said != size:
		return fmt.Errorf("file has %d bytes, its header says %d", size, said)
	}
	return nil
}

// renew makes the header of a journal of an older version say that it is of this
// one. The numbers are in the block's first sector: after a loss of power it is
// one header or the other.
func renew(f file) error {
	b := make([]byte, block)
	if _, err := f.ReadAt(b, 0); err != nil {
		return bare(err)
	}
	if binary.LittleEndian.Uint32(b[16:]) == fileVersion {
		return nil
	}
	binary.LittleEndian.PutUint32(b[16:], fileVersion)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	if _, err := f.WriteAt(b, 0); err != nil {
		return bare(err)
	}
	return f.Sync()
}
