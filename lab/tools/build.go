package tools

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nodeheadroom/headroom/lab/terminal"
)

// flags are those of p's build: static, without this machine's paths and
// without debugging tables, which halve the size on disk.
func (p program) flags(source string) []string {
	ldflags := "-s -w " + strings.ReplaceAll(p.ldflags, "$version", p.version(source))
	return []string{"-trimpath", "-buildvcs=false", "-ldflags=" + strings.TrimSpace(ldflags)}
}

// make builds p as binary, unless somebody else has meanwhile.
func (p program) make(ctx context.Context, source, binary string, progress io.Writer) error {
	dir := filepath.Dir(binary)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(filepath.Dir(dir), p.module+".lock"), func() {
		fmt.Fprintf(progress, "%s: another process is building it, waiting\n", p.name)
	})
	if err != nil {
		return err
	}
	defer unlock()
	if exists(binary) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // another key's build may have swept it
		return err
	}
	// One name for all attempts: what a killed build leaves is overwritten.
	unfinished := binary + ".unfinished"
	defer os.Remove(unfinished)
	if err := p.build(ctx, source, unfinished, progress); err != nil {
		return err
	}
	if err := os.Rename(unfinished, binary); err != nil {
		return err
	}
	return forget(dir, p.module)
}

// build runs go build, which names every package on standard error as it
// compiles it, and counts them.
func (p program) build(ctx context.Context, source, output string, progress io.Writer) error {
	columns, live := terminal.Width(progress)
	told := newTeller(progress, live, columns, p.name+" "+p.version(source))
	defer told.stop()
	cmd := p.command(ctx, source, append(append([]string{"build", "-v"}, p.flags(source)...), "-o", output, p.pkg)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	said := tally(stderr, told)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build in %s: %w\n%s", source, err, said)
	}
	told.done()
	return nil
}

// tally counts the packages that go build -v names, one a line, and returns
// every other line: what went wrong, and downloads.
//
//	golang.org/x/sys/unix
//	go: downloading golang.org/x/sys v0.49.0
func tally(stderr io.Reader, told *teller) string {
	var said bytes.Buffer
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if after, ok := strings.CutPrefix(line, "go: downloading "); ok {
			told.say("downloading " + after)
			continue
		}
		if line == "" || strings.ContainsAny(line, " #") {
			fmt.Fprintln(&said, line)
			continue
		}
		told.compiled()
	}
	io.Copy(io.Discard, stderr) // a line beyond the buffer must not stop the build
	return said.String()
}

// version reads p's pin, for people:
//
//	github.com/prometheus/prometheus v0.316.0 // indirect
func (p program) version(source string) string {
	data, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && strings.HasPrefix(p.pkg+"/", fields[0]+"/") && strings.HasPrefix(fields[1], "v") {
			return fields[1]
		}
	}
	return ""
}
