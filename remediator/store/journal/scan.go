package journal

import (
	"encoding/binary"
	"errors"
	"io"
)

// A scanner reads records. Its buffer is reused: a payload is valid until the
// next one is read.
type scanner struct {
	f     io.ReaderAt
	limit int64 // nothing is read from here on
	buf   []byte
}

// all returns every sound record of the file, in the order of their places, and
// the first error of reading. What cannot be read is passed over.
func (s *scanner) all() (found []record, err error) {
	for offset := int64(0); offset < s.limit; {
		r, _, rerr := s.at(offset)
		switch {
		case rerr == nil:
			found = append(found, r)
			offset = r.end()
			continue
		case !errors.Is(rerr, errNoRecord) && err == nil:
			err = rerr
		}
		offset += block
	}
	return found, err
}

var errNoRecord = errors.New("no sound record here")

// at returns the record at offset and its payload; errNoRecord if there is none.
func (s *scanner) at(offset int64) (record, []byte, error) {
	head := s.take(recordHeader)
	if offset+recordHeader > s.limit {
		return record{}, nil, errNoRecord
	}
	if _, err := s.f.ReadAt(head, offset); err != nil {
		return record{}, nil, err
	}
	if [4]byte(head) != recordMagic {
		return record{}, nil, errNoRecord
	}
	r := record{
		kind:       recordKind(binary.LittleEndian.Uint32(head[4:])),
		generation: binary.LittleEndian.Uint64(head[8:]),
		sequence:   binary.LittleEndian.Uint64(head[16:]),
		snapshot:   binary.LittleEndian.Uint32(head[24:]),
		length:     binary.LittleEndian.Uint32(head[28:]),
		offset:     offset,
	}
	whole := recordHeader + int64(r.length)
	if whole > s.limit-offset || whole > MaxSize/8 {
		return r, nil, errNoRecord
	}
	b := s.take(int(whole))
	if _, err := s.f.ReadAt(b, offset); err != nil {
		return r, nil, err
	}
	if binary.LittleEndian.Uint32(b[60:]) != checksum(b) {
		return r, nil, errNoRecord
	}
	return r, b[recordHeader:], nil
}

func (s *scanner) take(n int) []byte {
	if cap(s.buf) < n {
		s.buf = make([]byte, n, blocks(int64(n)))
	}
	return s.buf[:n]
}
