package kubelet

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a kubelet says when it starts, as versions before 1.28 and since write it.
const (
	goSyntax = `{NodeName:n1 RuntimeCgroupsName: SystemCgroupsName: KubeletCgroupsName: ContainerRuntime:docker CgroupsPerQOS:true CgroupRoot:/ CgroupDriver:systemd KubeletRootDir:/var/lib/kubelet ProtectKernelDefaults:false NodeAllocatableConfig:{KubeReservedCgroupName: SystemReservedCgroupName: ReservedSystemCPUs: EnforceNodeAllocatable:map[pods:{}] KubeReserved:map[cpu:{i:{value:110 scale:-3} d:{Dec:<nil>} s:110m Format:DecimalSI}] SystemReserved:map[] HardEvictionThresholds:[{Signal:imagefs.available Operator:LessThan Value:{Quantity:<nil> Percentage:0.15} GracePeriod:0s MinReclaim:<nil>} {Signal:memory.available Operator:LessThan Value:{Quantity:100Mi Percentage:0} GracePeriod:0s MinReclaim:<nil>} {Signal:nodefs.available Operator:LessThan Value:{Quantity:<nil> Percentage:0.1} GracePeriod:0s MinReclaim:<nil>}]} QOSReserved:map[] ExperimentalCPUManagerPolicy:none CPUCFSQuotaPeriod:100ms}`
	inJSON   = `{"NodeName":"n1","RuntimeCgroupsName":"","KubeletOOMScoreAdj":-999,"CgroupsPerQOS":true,"CgroupRoot":"/","CgroupDriver":"systemd","KubeletRootDir":"/var/lib/kubelet","ReservedSystemCPUs":{},"EnforceNodeAllocatable":{"pods":{}},"KubeReserved":{"cpu":"588m"},"SystemReserved":null,"HardEvictionThresholds":[{"Signal":"nodefs.available","Operator":"LessThan","Value":{"Quantity":null,"Percentage":0.1},"GracePeriod":0,"MinReclaim":null},{"Signal":"imagefs.available","Operator":"LessThan","Value":{"Quantity":null,"Percentage":0.15},"GracePeriod":0,"MinReclaim":null},{"Signal":"memory.available","Operator":"LessThan","Value":{"Quantity":"100Mi","Percentage":0},"GracePeriod":0,"MinReclaim":null}],"QOSReserved":{},"CgroupVersion":2}`
	klog     = "I1123 07:04:33.383302     531 container_manager_linux.go:278] "
	is137    = klog + `"Creating Container Manager object based on Node Config" nodeConfig=` + inJSON
)

var logged = []string{"hard memory.available<100Mi", "hard nodefs.available<10%", "hard imagefs.available<15%", "hard allocatableMemory.available<100Mi"}

func TestThresholdsAreReadFromALog(t *testing.T) {
	for name, line := range map[string]string{
		"1.37":                  is137,
		"1.27":                  klog + `"Creating Container Manager object based on Node Config" nodeConfig=` + goSyntax,
		"1.18":                  klog + "Creating Container Manager object based on Node Config: " + goSyntax,
		"1.37 in JSON":          `{"ts":1763881473383.302,"caller":"cm/container_manager_linux.go:278","msg":"Creating Container Manager object based on Node Config","v":0,"nodeConfig":` + inJSON + `}`,
		"by rsyslog":            "Nov 23 07:04:33 n1 kubelet[531]: " + is137,
		"by journalctl -o json": `{"_HOSTNAME":"n1","MESSAGE":` + strconv.Quote(is137) + `,"_PID":"531"}`,
		"by Docker":             `{"log":` + strconv.Quote(is137+"\n") + `,"stream":"stderr","time":"2026-11-23T07:04:33.383Z"}`,
		"by Docker, 1.18":       `{"log":` + strconv.Quote(klog+"Creating Container Manager object based on Node Config: "+goSyntax+"\n") + `,"stream":"stderr"}`,
		"by Docker, in JSON":    `{"log":` + strconv.Quote(`{"ts":1763881473383.302,"caller":"cm/container_manager_linux.go:278","msg":"Creating Container Manager object based on Node Config","v":0,"nodeConfig":`+inJSON+`}`) + `}`,
		"by CRI":                "2026-11-23T07:04:33.383302846Z stderr F " + is137,
		"with CRLF":             is137 + "\r",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readLog(t, "before\n"+line+"\nafter\n")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(logged, lines(got.Thresholds)); diff != "" {
				t.Error(diff)
			}
			if !got.HardOnly || got.Hard != nil || got.Source != "log" || got.RootDir != "/var/lib/kubelet" {
				t.Errorf("%+v", got)
			}
			if diff := cmp.Diff([]string{"/kubepods.slice", "/kubepods"}, got.PodCgroups); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLogThatDoesNotTellIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ log, want string }{
		"nothing":                        {"", "is not in it"},
		"other lines":                    {"a\nb\n", "is not in it"},
		"a line without end":             {is137, "is not in it"},
		"a line cut short":               {is137[:700] + "\n", "the kubelet's start: unexpected EOF"},
		"an old line cut short":          {klog + "Creating Container Manager object based on Node Config: " + goSyntax[:700] + "\n", "cut short"},
		"only the sentence":              {klog + "Creating Container Manager object based on Node Config\n", "nothing behind it"},
		"no threshold":                   {strings.Replace(is137, inJSON, `{"HardEvictionThresholds":null}`, 1) + "\n", "--experimental-allocatable-ignore-eviction"},
		"no threshold, before":           {klog + "Creating Container Manager object based on Node Config: {HardEvictionThresholds:[]}\n", "--experimental-allocatable-ignore-eviction"},
		"another operator":               {strings.Replace(is137, "LessThan", "GreaterThan", 1) + "\n", `operator "GreaterThan"`},
		"a signal of tomorrow":           {strings.Replace(is137, "nodefs.available", "gpu.available", 1) + "\n", `unknown eviction signal "gpu.available"`},
		"a percentage that is none":      {klog + "Creating Container Manager object based on Node Config: " + strings.Replace(goSyntax, "0.15", "x", 1) + "\n", `"x" is not a number`},
		"what is not understood":         {klog + "Creating Container Manager object based on Node Config: " + strings.Replace(goSyntax, " Operator:LessThan", "", 1) + "\n", "is not understood"},
		"a container's words":            {`I1123 07:04:33.1     531 prober.go:104] "Probe failed" output="` + strings.ReplaceAll(klog+"Creating Container Manager object based on Node Config: "+goSyntax, `"`, `\"`) + "\"\n", "is not in it"},
		"a container's words, quoted":    {`I1123 07:04:33.1     531 prober.go:104] "Probe failed" output=<` + "\n\t" + is137 + "\n >\n", "is not in it"},
		"a container's words, further":   {`I1123 07:04:33.1     531 prober.go:104] "Probe failed" output=<` + "\n\tfoo " + is137 + "\n >\n", "is not in it"},
		"a container's words, returned":  {`I1123 07:04:33.1     531 prober.go:104] "Probe failed" output=<` + "\n\tx\r" + is137 + "\n >\n", "is not in it"},
		"a container's JSON, further":    {`I1123 07:04:33.1     531 prober.go:104] "Probe failed" output=<` + "\n\tfoo " + `{"ts":1.2,"caller":"cm/container_manager_linux.go:278","msg":"Creating Container Manager object based on Node Config","nodeConfig":` + inJSON + "}\n >\n", "is not in it"},
		"a container's words by Docker":  {`{"log":` + strconv.Quote("\t"+is137+"\n") + "}\n", "is not in it"},
		"a container's words in JSON":    {`{"ts":1.2,"caller":"prober/prober.go:104","msg":"Probe failed","output":` + strconv.Quote(`{"ts":1.2,"caller":"cm/container_manager_linux.go:278","msg":"Creating Container Manager object based on Node Config","nodeConfig":`+inJSON+`}`) + "}\n", "is not in it"},
		"another file's sentence":        {strings.Replace(is137, "container_manager_linux.go", "pod.go", 1) + "\n", "is not in it"},
		"the sentence inside of another": {klog + `"He said" what="Creating Container Manager object based on Node Config" nodeConfig=` + inJSON + "\n", "is not in it"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readLog(t, c.log)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error is %v", got, err)
			}
		})
	}
}

func TestLastStartInALogCounts(t *testing.T) {
	filler := strings.Repeat(strings.Repeat("x", 999)+"\n", 2000)
	start := func(value string) string {
		return `I1123 07:04:33.371779     531 server.go:545] "Kubelet version" kubeletVersion="v1.3` + value[:1] + `.2"` + "\n" + strings.Replace(is137, "100Mi", value, 1) + "\n"
	}
	for name, c := range map[string]struct{ log, want string }{
		"the only one, far from the end": {filler + start("1Gi") + filler + filler, "1Gi"},
		"at the very beginning":          {strings.Replace(is137, "100Mi", "1Gi", 1) + "\n" + filler, "1Gi"},
		"the last of three":              {start("1Gi") + filler + start("2Gi") + start("3Gi") + filler, "3Gi"},
		"a last one that is not over":    {start("1Gi") + strings.TrimSuffix(start("2Gi"), "\n"), "1Gi"},
		"without a version":              {strings.Replace(is137, "100Mi", "1Gi", 1) + "\n", "1Gi"},
	} {
		got, err := readLog(t, c.log)
		if err != nil || first(got) != "hard memory.available<"+c.want {
			t.Errorf("%s: %s, %v", name, first(got), err)
		}
	}
	for shift := range 40 { // over the edges of blocks
		tail := filler[:logBlock-3000+shift*100] + "\n"
		got, err := readLog(t, filler+start("5Gi")+tail)
		if err != nil || first(got) != "hard memory.available<5Gi" || got.Version != "v1.35.2" || got.HugePages {
			t.Errorf("%d: %+v, %v", shift, got, err)
		}
	}
}

func TestVersionIsThatOfTheSameStart(t *testing.T) {
	for line, want := range map[string]string{
		`I1123 07:04:33.37     531 server.go:545] "Kubelet version" kubeletVersion="v1.36.1"`:                   "v1.36.1",
		`{"ts":1.2,"caller":"app/server.go:545","msg":"Kubelet version","v":0,"kubeletVersion":"v1.36.1+k3s1"}`: "v1.36.1+k3s1",
		`{"log":"I1123 07:04:33.37     531 server.go:545] \"Kubelet version\" kubeletVersion=\"v1.36.1\"\n"}`:   "v1.36.1",
		`kubeletVersion`: "", `kubeletVersion="latest"`: "", `kubeletVersion="v1.36.1" kubeletVersion=`: "",
	} {
		got, err := readLog(t, line+"\n"+is137+"\n")
		if err != nil || got.Version != want {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
}

func TestLogIsFollowedWithoutReadingItAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubelet.log")
	l := &logFile{path: path, release: func() release { return 0 }}
	start := func(value string) string { return strings.Replace(is137, "100Mi", value, 1) + "\n" }
	for _, c := range []struct {
		step string
		do   func()
		want string
	}{
		{"at first", func() { rewrite(t, path, start("1Gi")) }, "hard memory.available<1Gi"},
		{"what was read is not read again", func() { overwrite(t, path, 0, start("9Gi")) }, "hard memory.available<1Gi"},
		{"half a line more", func() { add(t, path, start("2Gi")[:300]) }, "hard memory.available<1Gi"},
		{"and its end", func() { add(t, path, start("2Gi")[300:]) }, "hard memory.available<2Gi"},
		{"rotated, with nothing in it", func() { replace(t, path, "") }, "hard memory.available<2Gi"},
		{"a restart", func() { add(t, path, start("3Gi")) }, "hard memory.available<3Gi"},
		{"emptied in place", func() { rewrite(t, path, "") }, "hard memory.available<3Gi"},
		{"another restart", func() { rewrite(t, path, "a\n"+start("4Gi")) }, "hard memory.available<4Gi"},
		{"rotated, and longer already", func() { replace(t, path, start("7Gi")+strings.Repeat("z\n", 2000)) }, "hard memory.available<7Gi"},
		{"a start that cannot be read", func() { add(t, path, start("5Xi")) }, "unknown"},
		{"a start that can", func() { add(t, path, start("6Gi")) }, "hard memory.available<6Gi"},
	} {
		c.do()
		got, err := l.read(t.Context())
		if first(got) != c.want {
			t.Errorf("%s: %s, %v", c.step, first(got), err)
		}
	}
}

func TestLogThatIsNoFileIsNotRead(t *testing.T) {
	for path, want := range map[string]string{"/dev/null": "is a device", t.TempDir(): "is a directory", "/absent": "no such file"} {
		l := &logFile{path: path, release: func() release { return 0 }}
		if _, err := l.read(t.Context()); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A kubelet logs the fraction that it has made of a percentage.
func TestFractionBecomesThePercentageThatItCameFrom(t *testing.T) {
	for hundredths := range 10001 {
		raw := strconv.FormatFloat(float64(hundredths)/100, 'f', -1, 64)
		p, err := strconv.ParseFloat(raw, 32)
		if err != nil {
			t.Fatal(err)
		}
		want := raw + "%"
		if raw == "0" || raw == "100" {
			want = raw + ".0%"
		}
		if got := percentage(float32(p) / 100); got != want {
			t.Errorf("%s became %v, and that %s", want, float32(p)/100, got)
		}
	}
}

func FuzzStartLine(f *testing.F) {
	f.Add(is137)
	f.Add(klog + "Creating Container Manager object based on Node Config: " + goSyntax)
	f.Fuzz(func(t *testing.T, line string) {
		c, ours, err := parseStart(line, 0)
		if (c != nil) != (ours && err == nil) {
			t.Errorf("%q: %v, %v, %v", line, c, ours, err)
		}
	})
}

func readLog(t *testing.T, content string) (*Configuration, error) {
	t.Helper()
	s := source(t, Options{LogFile: config(t, content)})
	if err := s.Refresh(t.Context()); err != nil {
		return nil, err
	}
	return s.Configuration()
}

func add(t *testing.T, path, content string) {
	t.Helper()
	stat, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, stat.Size(), content)
}

func overwrite(t *testing.T, path string, at int64, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(content), at); err != nil {
		t.Fatal(err)
	}
}

// replace puts a new file in place of the old one, as a rotation does.
func replace(t *testing.T, path, content string) {
	t.Helper()
	old := fmt.Sprintf("%s.1", path)
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, content)
}
