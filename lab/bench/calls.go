package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// traced is how many scrapes system calls are counted over.
const traced = 200

// calls counts the system calls of a scrape, those of the language's runtime
// included, with strace.
func (b *bench) calls(ctx context.Context, ours, theirs *scraped) error {
	if _, err := exec.LookPath("strace"); err != nil {
		b.remark("System calls per scrape were not counted: no strace here.")
		return nil
	}
	var perScrape [2]float64
	for i, s := range []*scraped{ours, theirs} {
		n, err := b.trace(s.PID(), func() error { return inTurn(ctx, traced, s) })
		if err != nil {
			return err
		}
		perScrape[i] = n / traced
	}
	b.compare("system calls of one scrape", perScrape[0], perScrape[1], count, "node_exporter", 0)
	return nil
}

// trace counts the system calls of a process while f runs.
func (b *bench) trace(pid int, f func() error) (float64, error) {
	summary := filepath.Join(b.dir, "strace")
	strace := exec.Command("strace", "-c", "-f", "-o", summary, "-p", strconv.Itoa(pid))
	strace.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := strace.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := strace.Start(); err != nil {
		return 0, err
	}
	said := bufio.NewReader(stderr)
	attached, err := said.ReadString('\n') // strace: Process 41 attached with 7 threads
	go io.Copy(io.Discard, said)
	if err != nil || !strings.Contains(attached, "attached") {
		strace.Process.Kill()
		strace.Wait()
		return 0, fmt.Errorf("strace: %s", attached)
	}
	failed := f()
	strace.Process.Signal(syscall.SIGINT)
	strace.Wait() // ends by the signal that it was sent
	if failed != nil {
		return 0, failed
	}
	return total(summary)
}

// total reads the last line of strace's summary. A column of errors may come
// before the name:
//
//	% time     seconds  usecs/call     calls    errors syscall
//	------ ----------- ----------- --------- --------- ----------------
//	 41.53    0.003310           2      1402       200 read
//	------ ----------- ----------- --------- --------- ----------------
//	100.00    0.007970           2      3922       203 total
func total(summary string) (float64, error) {
	data, err := os.ReadFile(summary)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) >= 5 && fields[len(fields)-1] == "total" {
			return strconv.ParseFloat(fields[3], 64)
		}
	}
	return 0, fmt.Errorf("strace's summary has no total:\n%s", data)
}
