package remedy

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A journalName is a file's name, read as journald gives it.
type journalName struct {
	kind journalKind
	// head is when the first entry was written, for an archive; for one that was
	// set aside, when that was. Microseconds since 1970.
	head uint64
}

// A journalKind is what may become of a journal file.
type journalKind int

const (
	foreign  journalKind = iota // not journald's
	active                      // it is written, or will be again
	archived                    // it is complete
	disposed                    // it was found damaged or left open by a crash, and set aside
)

// journalFile reads names in <root>/<machine>, as journal-file.c and
// journal-vacuum.c of systemd write and read them; all numbers are hexadecimal:
//
//	system.journal, user-1000.journal
//	system@<sequence ID, 32>-<first number, 16>-<first time, 16>.journal
//	system@<time, 16>-<random, 16>.journal~
//
// It knows no other: a name that is nearly right is nobody's.
func journalFile(name string) journalName {
	if rest, ok := strings.CutSuffix(name, ".journal~"); ok {
		log, moment, _ := strings.Cut(rest, "@")
		when, random, _ := strings.Cut(moment, "-")
		head, ok := hex64(when)
		if _, random := hex64(random); ok && random && journalLog(log) {
			return journalName{disposed, head}
		}
		return journalName{}
	}
	rest, ok := strings.CutSuffix(name, ".journal")
	if !ok {
		return journalName{}
	}
	log, number, isArchive := strings.Cut(rest, "@")
	if !journalLog(log) {
		return journalName{}
	}
	if !isArchive {
		return journalName{kind: active}
	}
	parts := strings.Split(number, "-")
	if len(parts) != 3 || !hex128(parts[0]) {
		return journalName{}
	}
	_, first := hex64(parts[1])
	head, when := hex64(parts[2])
	if !first || !when {
		return journalName{}
	}
	return journalName{archived, head}
}

// journalLog reports whether name is that of one of journald's logs: the
// system's, or a user's.
func journalLog(name string) bool {
	user, ok := strings.CutPrefix(name, "user-")
	return name == "system" || ok && digits(user)
}

// journalFolder reads the name of a folder: <machine>, or <machine>.<namespace>
// for the journal of a namespace, which has a journald of its own.
func journalFolder(name string) (namespace string, ok bool) {
	machine, namespace, named := strings.Cut(name, ".")
	if !hex128(machine) || named && namespace == "" {
		return "", false
	}
	return namespace, true
}

// hex64 reads 16 lower-case hexadecimal digits.
func hex64(s string) (uint64, bool) {
	if len(s) != 16 || strings.Trim(s, "0123456789abcdef") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil
}

func hex128(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// A journalHeader is what the beginning of a journal file says of it.
type journalHeader struct {
	state journalState
	head  uint64 // when its first entry was written, in microseconds since 1970
}

// A journalState is what its last writer did to a file.
type journalState byte

const (
	stateOffline  journalState = 0
	stateOnline   journalState = 1 // it writes, or was stopped while writing
	stateArchived journalState = 2 // it will write no more
)

// parseJournalHeader reads a journal file's first bytes, little-endian:
//
//	  0  "LPKSHHRH"
//	 16  state: 0 offline, 1 online, 2 archived
//	184  head_entry_realtime
//
// It is false for anything else, and for a state that is none of these.
// https://systemd.io/JOURNAL_FILE_FORMAT/
func parseJournalHeader(data []byte) (h journalHeader, ok bool) {
	if len(data) < journalHeaderSize || string(data[:8]) != "LPKSHHRH" || data[16] > byte(stateArchived) {
		return h, false
	}
	return journalHeader{state: journalState(data[16]), head: binary.LittleEndian.Uint64(data[184:])}, true
}

// journalHeaderSize is how much of a file is read for its header: as much as
// every version of systemd has written.
const journalHeaderSize = 208

// readJournalHeader reads the header of a file in a folder, without leaving the
// folder and without a trace in the file's times.
func readJournalHeader(dir int, name string) (h journalHeader, ok bool, err error) {
	fd, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOATIME)
	if err == unix.EPERM { // it belongs to another user
		fd, err = openBeneath(dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	}
	if err != nil {
		return h, false, err
	}
	defer unix.Close(fd)
	data := make([]byte, journalHeaderSize)
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		return h, false, err
	}
	h, ok = parseJournalHeader(data[:n])
	return h, ok, nil
}
