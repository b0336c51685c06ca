package journal

import (
	"encoding/binary"
	"hash/crc32"
)

const recordHeader = 64

var recordMagic = [4]byte{0xf7, 'H', 'J', 1}

type recordKind uint32

const (
	entries   recordKind = 1
	continued recordKind = 2
)

// A record is where something is in the file, without its payload.
type record struct {
	kind       recordKind
	generation uint64
	sequence   uint64
	snapshot   uint32 // how many records open the generation
	length     uint32
	offset     int64
}

func (r record) end() int64 { return r.offset + blocks(recordHeader+int64(r.length)) }

// opens reports whether r is part of the snapshot that opens its generation.
func (r record) opens() bool { return r.kind == entries && r.sequence < uint64(r.snapshot) }

// seal fills in the header of the record in b, whose payload begins at
// recordHeader, and pads it to whole blocks.
func seal(b []byte, r record) []byte {
	r.length = uint32(len(b) - recordHeader)
	clear(b[:recordHeader])
	copy(b, recordMagic[:])
	binary.LittleEndian.PutUint32(b[4:], uint32(r.kind))
	binary.LittleEndian.PutUint64(b[8:], r.generation)
	binary.LittleEndian.PutUint64(b[16:], r.sequence)
	binary.LittleEndian.PutUint32(b[24:], r.snapshot)
	binary.LittleEndian.PutUint32(b[28:], r.length)
	binary.LittleEndian.PutUint32(b[60:], checksum(b))
	for pad := blocks(int64(len(b))) - int64(len(b)); pad > 0; {
		n := min(pad, int64(len(padding)))
		b = append(b, padding[:n]...)
		pad -= n
	}
	return b
}

var padding [block]byte

// checksum is over the header but for its own field, and the payload.
func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:60], castagnoli), castagnoli, b[recordHeader:])
}
