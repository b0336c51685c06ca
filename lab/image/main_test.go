package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnImageIsWritten(t *testing.T) {
	dir := t.TempDir()
	program, archive := filepath.Join(dir, "prog"), filepath.Join(dir, "prog.tar")
	if err := os.WriteFile(program, []byte("static"), 0o755); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if err := run([]string{"-name", "localhost/prog:1", "-o", archive, program}, &said, &said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "localhost/prog:1") {
		t.Errorf("it says %q", said.String())
	}
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var names []string
	for in := tar.NewReader(file); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if len(names) != 5 || names[0] != "oci-layout" || names[1] != "index.json" {
		t.Errorf("the archive has %q", names)
	}
}

func TestWhatIsNotSaidIsAskedFor(t *testing.T) {
	for _, args := range [][]string{{}, {"-name", "x:1", "prog"}, {"-o", "x.tar", "prog"}, {"-name", "x:1", "-o", "x.tar"}, {"-name", "x:1", "-o", filepath.Join(t.TempDir(), "x"), "absent"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is well", args)
		}
	}
}
