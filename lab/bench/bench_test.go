package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheTableSaysWhatWasMetAndMissed(t *testing.T) {
	var table table
	table.compare("CPU of one scrape", 200e-6, 500e-6, microseconds, "node_exporter", 0.5)
	table.compare("resident memory", 30<<20, 20<<20, mebibytes, "node_exporter", 1)
	table.compare("system calls", 30, 40, count, "node_exporter", 0)
	table.limit("p99", 21e-3, milliseconds, "fdatasync alone 1.0 ms", 20e-3)
	table.remark("%d files.", 5)
	var out bytes.Buffer
	table.print(&out, "Measured here.")
	want := `
Measured here.

| what              | Headroom | beside                 | ratio | budget  |            |
|-------------------|----------|------------------------|-------|---------|------------|
| CPU of one scrape | 200 µs   | node_exporter 500 µs   | 0.40  | 0.5 ×   | met        |
| resident memory   | 30.0 MiB | node_exporter 20.0 MiB | 1.50  | 1.0 ×   | **missed** |
| system calls      | 30       | node_exporter 40       | 0.75  |         |            |
| p99               | 21.0 ms  | fdatasync alone 1.0 ms |       | 20.0 ms | **missed** |

- 5 files.
`
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
}

func TestQuantiles(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for share, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, share); got != want {
			t.Errorf("quantile %v is %v, want %v", share, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("it sorts its argument")
	}
}

func TestStracesSummaryWithAndWithoutErrors(t *testing.T) {
	for name, summary := range map[string]string{
		"with": `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 41.53    0.003310           2      1402       200 read
------ ----------- ----------- --------- --------- ----------------
100.00    0.007970           2      3922       203 total
`,
		"without": `100.00    0.007970           2      3922           total
`,
	} {
		path := filepath.Join(t.TempDir(), "summary")
		if err := os.WriteFile(path, []byte(summary), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := total(path); got != 3922 || err != nil {
			t.Errorf("%s errors: %v, %v", name, got, err)
		}
	}
}

func TestTheCostOfAProcessIsItsOwn(t *testing.T) {
	before, err := cpu(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	mine, err := threadCPU()
	if err != nil {
		t.Fatal(err)
	}
	for until := mine + 0.02; mine < until; {
		if mine, err = threadCPU(); err != nil {
			t.Fatal(err)
		}
	}
	after, err := cpu(os.Getpid())
	if err != nil || after-before < 0.01 {
		t.Errorf("%v seconds used, %v", after-before, err)
	}
	if resident, err := memory(os.Getpid(), "VmRSS"); err != nil || resident < 1<<20 {
		t.Errorf("%v bytes resident, %v", resident, err)
	}
}

func TestTheTreeHasAsManyFilesAsTheComparisonClaims(t *testing.T) {
	dir := t.TempDir()
	if err := logTree(dir, 3, 4, 10); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", "0.log.*"))
	if err != nil || len(found) != 12 {
		t.Errorf("%d rotated logs, %v", len(found), err)
	}
	if _, err := time.Parse("20060102-150405", strings.TrimPrefix(filepath.Ext(found[0]), ".")); err != nil {
		t.Errorf("%s is not named as the kubelet names them: %v", found[0], err)
	}
}
