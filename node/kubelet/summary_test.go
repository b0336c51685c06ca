package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	kjson "sigs.k8s.io/json"

	"github.com/nodeheadroom/headroom"
)

// What a kubelet 1.37.2 with containerd 2.4.2 answered, standalone, on one disk.
func TestRecordedSummarysReadings(t *testing.T) {
	got := parseSummary(t, recorded(t))
	root, pid, runtime := clock(t, "07:01:36"), clock(t, "07:01:43"), clock(t, "07:01:35")
	want := []headroom.Reading{
		{Signal: "memory.available", Available: 21983223808, Capacity: 25276510208, At: root},
		{Signal: "allocatableMemory.available", Available: 25252286464, Capacity: 25276510208, At: root},
		{Signal: "nodefs.available", Available: 63482064896, Capacity: 270553174016, At: root},
		{Signal: "nodefs.inodesFree", Available: 16065094, Capacity: 16777216, At: root},
		{Signal: "imagefs.available", Available: 63482064896, Capacity: 270553174016, At: runtime},
		{Signal: "imagefs.inodesFree", Available: 16065094, Capacity: 16777216, At: runtime},
		{Signal: "containerfs.available", Available: 63482064896, Capacity: 270553174016, At: runtime},
		{Signal: "containerfs.inodesFree", Available: 16065094, Capacity: 16777216, At: runtime},
		{Signal: "pid.available", Available: 32510, Capacity: 32768, At: pid},
	}
	if diff := cmp.Diff(want, got.Readings); diff != "" {
		t.Error(diff)
	}
}

func clock(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateTime, "2026-11-23 "+s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The casts are the kubelet's: what fell below zero there is negative here.
func TestReadings(t *testing.T) {
	const at = `"time":"2026-11-23T07:01:36Z",`
	for name, c := range map[string]struct {
		node string
		want []string
	}{
		"an empty node": {`{}`, nil},
		"memory":        {`{"memory":{"availableBytes":10,"workingSetBytes":5,"usageBytes":99}}`, []string{"memory.available 10/15"}},
		"memory without a limit has no available":             {`{"memory":{"workingSetBytes":5}}`, nil},
		"memory without its working set":                      {`{"memory":{"availableBytes":5}}`, nil},
		"a null is nothing":                                   {`{"memory":null,"fs":{"availableBytes":null,"capacityBytes":9},"rlimit":null,"runtime":null,"systemContainers":null}`, nil},
		"memory below zero":                                   {`{"memory":{"availableBytes":18446744073709551516,"workingSetBytes":6100}}`, []string{"memory.available -100/6000"}},
		"the cgroup of pods among others":                     {`{"systemContainers":[{"name":"kubelet","memory":{"availableBytes":1,"workingSetBytes":1}},{"memory":{"availableBytes":7,"workingSetBytes":2},"name":"pods"}]}`, []string{"allocatableMemory.available 7/9"}},
		"of two by that name the first":                       {`{"systemContainers":[{"name":"pods"},{"name":"pods","memory":{"availableBytes":7,"workingSetBytes":2}}]}`, nil},
		"pods' memory is not the node's":                      {`{"systemContainers":[{"name":"pods","memory":{"workingSetBytes":2}}]}`, nil},
		"bytes without inodes":                                {`{"fs":{"availableBytes":1,"capacityBytes":2,"inodesFree":3}}`, []string{"nodefs.available 1/2"}},
		"inodes without bytes":                                {`{"fs":{"availableBytes":1,"inodesFree":3,"inodes":4}}`, []string{"nodefs.inodesFree 3/4"}},
		"a filesystem that counts no inodes":                  {`{"fs":{"inodesFree":0,"inodes":0}}`, []string{"nodefs.inodesFree 0/0"}},
		"an image filesystem apart":                           {`{"runtime":{"imageFs":{"availableBytes":1,"capacityBytes":2},"containerFs":{"inodesFree":3,"inodes":4}}}`, []string{"imagefs.available 1/2", "containerfs.inodesFree 3/4"}},
		"processes":                                           {`{"rlimit":{"maxpid":32768,"curproc":258}}`, []string{"pid.available 32510/32768"}},
		"more processes than there may be":                    {`{"rlimit":{"maxpid":32768,"curproc":40000}}`, []string{"pid.available -7232/32768"}},
		"processes without their limit":                       {`{"rlimit":{"curproc":258}}`, nil},
		"numbers below zero, where the kubelet has them":      {`{"rlimit":{"maxpid":-1,"curproc":-5}}`, []string{"pid.available 4/-1"}},
		"fields that nobody knows":                            {`{"fs":{"new":[{"a":[1,"}",null,{}]}],"availableBytes":1,"capacityBytes":2},"cpu":{"psi":{"full":{"avg10":0.5e-3}}}}`, []string{"nodefs.available 1/2"}},
		"names with escapes, and white space wherever it may": {"{ \"\\u0066s\"\t:\r\n{ \"availableBytes\" : 1 , \"capacityBytes\" : 2 } }", []string{"nodefs.available 1/2"}},
		"names differ by case":                                {`{"FS":{"availableBytes":1,"capacityBytes":2}}`, nil},
		"time":                                                {`{"fs":{` + at + `"availableBytes":1,"capacityBytes":2}}`, []string{"nodefs.available 1/2 07:01:36"}},
		"a time that is null":                                 {`{"fs":{"time":null,"availableBytes":1,"capacityBytes":2}}`, []string{"nodefs.available 1/2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseSummary(t, []byte(`{"node":`+c.node+`}`))
			if diff := cmp.Diff(c.want, readingLines(got.Readings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func readingLines(rs []headroom.Reading) (lines []string) {
	for _, r := range rs {
		line := fmt.Sprintf("%s %d/%d", r.Signal, r.Available, r.Capacity)
		if !r.At.IsZero() {
			line += r.At.UTC().Format(" 15:04:05")
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAnswerThatIsNoSummaryIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"nothing":                     {"", "unexpected EOF"},
		"white space":                 {" \n ", "unexpected EOF"},
		"null":                        {"null\n", `"node" is missing`},
		"no node":                     {`{"pods":[]}`, `"node" is missing`},
		"another's document":          {`{"kind":"Status"}`, `"node" is missing`},
		"a page":                      {"<html>", `'<' where '{' is wanted`},
		"a list":                      {"[]", `'[' where '{' is wanted`},
		"a number":                    {"5", `'5' where '{' is wanted`},
		"two documents":               {`{"node":{}} {"node":{}}`, `'{' behind its end`},
		"a list for an object":        {`{"node":{"fs":[]}}`, `fs: '[' where '{' is wanted`},
		"an object for a list":        {`{"node":{},"pods":{}}`, `pods: '{' where '[' is wanted`},
		"a word for an object":        {`{"node":{"fs":nothing}}`, `fs: unexpected "nothing"`},
		"a string for a number":       {`{"node":{"fs":{"availableBytes":"5"}}}`, `availableBytes: "\"" is not a whole number`},
		"true for a number":           {`{"node":{"fs":{"availableBytes":true}}}`, `availableBytes: "true" is not a whole number`},
		"a number for a string":       {`{"node":{},"pods":[{"podRef":{"name":5}}]}`, `name: '5' where a string is wanted`},
		"a number below zero":         {`{"node":{"fs":{"availableBytes":-5}}}`, `availableBytes: "-5" is not a whole number`},
		"a fraction":                  {`{"node":{"fs":{"availableBytes":1.5}}}`, `availableBytes: "1.5" is not a whole number`},
		"an exponent":                 {`{"node":{"fs":{"availableBytes":1e3}}}`, `availableBytes: "1e3" is not a whole number`},
		"a number beyond 64 bits":     {`{"node":{"fs":{"availableBytes":18446744073709551616}}}`, `availableBytes: "18446744073709551616" is not`},
		"a pid beyond 63 bits":        {`{"node":{"rlimit":{"maxpid":9223372036854775808}}}`, `maxpid: "9223372036854775808" is not`},
		"a number without end":        {`{"node":{"fs":{"availableBytes":` + strings.Repeat("9", 1<<20) + `}}}`, `availableBytes: longer than`},
		"a name without end":          {`{"node":{},"pods":[{"podRef":{"name":"` + strings.Repeat("x", 1<<20) + `"}}]}`, `name: longer than`},
		"a time that is none":         {`{"node":{"fs":{"time":"yesterday"}}}`, `time: "yesterday" is not a time`},
		"no colon":                    {`{"node" {}}`, "node: no colon"},
		"no comma":                    {`{"node":{} "pods":[]}`, `'"' where ',' or '}' is wanted`},
		"a comma too many":            {`{"node":{},}`, `'}' where a string is wanted`},
		"a comma too many in a list":  {`{"node":{},"pods":[{},]}`, `']' where '{' is wanted`},
		"no value":                    {`{"node":{"cpu":}}`, `cpu: '}' where a value is wanted`},
		"a line in a string":          {"{\"node\":{},\"pods\":[{\"podRef\":{\"name\":\"a\nb\"}}]}", `is not a string`},
		"an escape that is none":      {`{"node":{},"pods":[{"podRef":{"name":"\x"}}]}`, `is not a string`},
		"a field's name that is none": {`{node:{}}`, `'n' where a string is wanted`},
		"a bracket of another kind":   {`{"node":{},"pods":[}`, `pods: '}' where '{' is wanted`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ParseSummary(strings.NewReader(c.answer))
			if err == nil || !strings.Contains(err.Error(), "not a kubelet's summary: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error is %v, want one with %q", s, err, c.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestEveryPartOfASummaryIsNone(t *testing.T) {
	data := bytes.TrimSpace(recorded(t))
	for n := 0; n < len(data); n += 41 { // lines have about as many bytes
		if _, err := ParseSummary(bytes.NewReader(data[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(data), err)
		}
	}
}

// Wherever one read ends and the next begins, it is the same summary.
func TestSummaryArrivesInPieces(t *testing.T) {
	data := summaryOf(t, 30, 5)
	want := parseSummary(t, data)
	for name, reader := range map[string]func(io.Reader) io.Reader{
		"byte by byte":            iotest.OneByteReader,
		"half of what is asked":   iotest.HalfReader,
		"the end with the last":   iotest.DataErrReader,
		"in pieces of 1009 bytes": func(r io.Reader) io.Reader { return &pieces{r, 1009} },
		"in pieces of 7 bytes":    func(r io.Reader) io.Reader { return &pieces{r, 7} },
	} {
		got, err := ParseSummary(reader(bytes.NewReader(data)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := ParseSummary(iotest.TimeoutReader(iotest.HalfReader(bytes.NewReader(data)))); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a reader's own error: %v", err)
	}
	if _, err := ParseSummary(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that does nothing: %v", err)
	}
}

type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(p.n, len(b))]) }

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestSummaryWithoutEndIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ begin, more string }{
		"white space": {``, ` `},
		"pods":        {`{"node":{},"pods":[{}`, `,{"podRef":{"name":"a"},"containers":[]}`},
		"a string":    {`{"node":{"x":"`, `y`},
		"escapes":     {`{"node":{"x":"`, `\"`},
		"brackets":    {`{"node":{"x":`, `{"x":[`},
	} {
		body := io.MultiReader(strings.NewReader(c.begin), &endlessly{more: c.more})
		_, err := ParseSummary(&bounded{body, 1 << 20})
		if err == nil || !strings.Contains(err.Error(), "longer than it may be") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endlessly repeats itself.
type endlessly struct {
	more string
	at   int
}

func (e *endlessly) Read(b []byte) (int, error) {
	n := copy(b, e.more[e.at:])
	e.at = (e.at + n) % len(e.more)
	return n, nil
}

func TestDepthAndLengthOfWhatIsSkippedCostNothing(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 1<<20) + strings.Repeat(`]}`, 1<<20)
	long := `"` + strings.Repeat(`\"`, 1<<20) + `"`
	s := parseSummary(t, []byte(`{"x":`+deep+`,"y":`+long+`,"node":{"fs":{"availableBytes":1,"capacityBytes":2}}}`))
	if len(s.Readings) != 1 {
		t.Errorf("%+v", s)
	}
}

func FuzzParseSummary(f *testing.F) {
	for _, seed := range []string{
		`{"node":{"fs":{"time":"2026-11-23T07:01:36Z","availableBytes":1,"capacityBytes":2}},"pods":[{"podRef":{"name":"a","namespace":"b","uid":"c"}}]}`,
		`{"node":{"systemContainers":[{"name":"pods","memory":{"availableBytes":18446744073709551615,"workingSetBytes":1}}]}}`,
		`{"node":{"memory":{"workingSetBytes":1},"runtime":{"imageFs":{"usedBytes":9,"inodesUsed":3,"inodes":9,"inodesFree":6},"containerFs":null},"rlimit":{"maxpid":9,"curproc":-1}}}`,
		`{"node":{},"pods":[{"podRef":{"name":"\ud800\n` + "\xff" + `"},"containers":[{"logs":{"usedBytes":1}},{"logs":{"usedBytes":2}}]}]}`,
		`{"node":{},"pods":[{"podRef":{"name":"a"},"volume":[{"usedBytes":9,"pvcRef":null},{"pvcRef":{}}],"ephemeral-storage":{"usedBytes":7}}]}`,
		`{"node":{},"pods":[{"podRef":{"name":"a"},"process_stats":{"process_count":3}},{"podRef":{"name":"a"},"process_stats":{"process_count":4}}]}`,
		`{"node":null}`, `{"node":{"x":[[{"\"":"\\"}]]}}`, `{`, `[`, `"`, `-`, ``, "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseSummary(bytes.NewReader(data))
		if err == nil {
			checkConsumers(t, got.Consumers)
		}
		// What the API machinery's decoder takes is taken, as the same.
		var doc summaryDoc
		mistakes, refused := kjson.UnmarshalStrict(data, &doc, kjson.DisallowDuplicateFields)
		if refused != nil || len(mistakes) > 0 || doc.Node == nil || len(data) > 8<<10 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(doc.summary(), got); diff != "" {
			t.Error(diff)
		}
	})
}

func checkConsumers(t *testing.T, cs []headroom.Consumer) {
	t.Helper()
	seen := make(map[headroom.Consumer]bool)
	for _, c := range cs {
		if c.Used <= 0 {
			t.Errorf("%+v uses nothing", c)
		}
		c.Used = 0
		if seen[c] {
			t.Errorf("%+v is there twice", c)
		}
		seen[c] = true
	}
}

func recorded(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/summary.json")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func parseSummary(t *testing.T, data []byte) *Summary {
	t.Helper()
	s, err := ParseSummary(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
