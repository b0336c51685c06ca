package remedy

import (
	"os"
	"strings"
	"testing"
)

func TestJournalNames(t *testing.T) {
	const number = "@5984d3e6e39d437fa05943f534baa772-00000000000001b8-00066121a0b6ff31"
	for name, want := range map[string]journalName{
		"system.journal":                                    {kind: active},
		"user-1000.journal":                                 {kind: active},
		"system" + number + ".journal":                      {archived, 0x00066121a0b6ff31},
		"user-1000" + number + ".journal":                   {archived, 0x00066121a0b6ff31},
		"system@00066121a5a8dc4d-0ffc625695a8ad50.journal~": {disposed, 0x00066121a5a8dc4d},

		"":                              {},
		".journal":                      {},
		"remote-db.journal":             {},
		"user-.journal":                 {},
		"user-x.journal":                {},
		"system.journal~":               {},
		"system.journal.zst":            {},
		"system@.journal":               {},
		"fss":                           {},
		"system" + number:               {},
		number + ".journal":             {},
		"system@" + number + ".journal": {},
		"system" + strings.ToUpper(number) + ".journal":                {},
		"system" + number[1:] + ".journal":                             {},
		"system" + number + "-0.journal":                               {},
		"system" + strings.Replace(number, "-0", "-+", 1) + ".journal": {},
		"system" + number + ".journal~":                                {},
		"system@00066121a5a8dc4d.journal~":                             {},
		"system@00066121a5a8dc4d-0ffc625695a8ad5.journal~":             {},
	} {
		if got := journalFile(name); got != want {
			t.Errorf("%q is %+v, want %+v", name, got, want)
		}
	}
}

func TestJournalFolderNames(t *testing.T) {
	for name, want := range map[string]string{machineID: "", machineID + ".tenant": "tenant"} {
		if got, ok := journalFolder(name); !ok || got != want {
			t.Errorf("%q is of namespace %q: %t", name, got, ok)
		}
	}
	for _, name := range []string{"", "remote", machineID + ".", machineID[1:], machineID + "0", strings.ToUpper(machineID), "." + machineID} {
		if _, ok := journalFolder(name); ok {
			t.Errorf("%q is a machine's", name)
		}
	}
}

func TestJournalHeaders(t *testing.T) {
	for name, want := range map[string]journalHeader{
		"archived": {stateArchived, 0x000661219f8c108d},
		"online":   {stateOnline, 0},
	} {
		data, err := os.ReadFile("testdata/journal/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseJournalHeader(data)
		if name == "online" {
			want.head = got.head // it has none in its name
		}
		if !ok || got != want || got.head == 0 {
			t.Errorf("%s is %+v: %t", name, got, ok)
		}
		for _, n := range []int{0, 7, 16, journalHeaderSize - 1} {
			if _, ok := parseJournalHeader(data[:n]); ok {
				t.Errorf("%d bytes of %s are a header", n, name)
			}
		}
		for at, to := range map[int]byte{0: 'X', 16: 3} {
			broken := append([]byte(nil), data...)
			broken[at] = to
			if _, ok := parseJournalHeader(broken); ok {
				t.Errorf("%s with byte %d changed is a header", name, at)
			}
		}
	}
}

func FuzzJournal(f *testing.F) {
	for _, name := range []string{"archived", "online"} {
		data, err := os.ReadFile("testdata/journal/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("system@5984d3e6e39d437fa05943f534baa772-00000000000001b8-00066121a0b6ff31.journal", data)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		parseJournalHeader(data)
		journalFolder(name)
		if journalFile(name).kind != foreign && strings.ContainsAny(name, "/\x00\n") {
			t.Errorf("%q is taken for journald's", name)
		}
	})
}
