package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

// run plays a role until it has written at least more bytes than at first.
func playRole(t *testing.T, role string, more int64, args ...string) (said string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- roles[role](ctx, args, &out) }()
	for {
		select {
		case err := <-done:
			t.Fatalf("it ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
		if info, err := os.Stat(args[0]); err == nil && info.Size() >= more {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheWriterThatDoesNotAppendSaysWhatItsFileHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	said := playRole(t, "plain", 150_000, path, "100000", "1000000")
	data := read(t, path)
	if want := fmt.Sprintf("ready\nsha256 %x %d\n", sha256.Sum256(data), len(data)); said != want {
		t.Errorf("it says %q, its file is %q", said, want)
	}
}

func TestTheWriterThatAppendsLeavesNoHoleWhenTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	playRole(t, "append", 100_000, path, "100000", "1000000")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	playRole(t, "append", 1000, path, "0", "100000")
	if data := read(t, path); bytes.Contains(data, []byte{0}) {
		t.Error("zeros in its file")
	}
}

func TestTheThirdWriterRotatesAsTheKubeletDoes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "0.log")
	for rotations, want := range [][]string{
		{},
		{"STAMP"},
		{"STAMP.gz", "STAMP"},
		{"STAMP.gz", "STAMP.gz", "STAMP"},
		{"STAMP.gz", "STAMP.gz", "STAMP.gz", "STAMP"},
		{"STAMP.gz", "STAMP.gz", "STAMP.gz", "STAMP"}, // the fifth file is the live one
	} {
		if rotations > 0 {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if file, err = rotate(file, time.Date(2026, 11, 23, 10, rotations, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
			file.Close()
		} else if err := os.WriteFile(path, lines(1000), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(path + ".*")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, name := range found {
			got = append(got, regexp.MustCompile(`20261123-10\d\d00`).ReplaceAllString(name[len(path)+1:], "STAMP"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %d rotations: %v, want %v", rotations, got, want)
		}
	}
}

func TestLinesLookLikeARuntimesLog(t *testing.T) {
	line := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [FP] .+$`)
	data := lines(10_000)
	for _, l := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		if !line.Match(l) {
			t.Fatalf("%q", l)
		}
	}
	if len(data) < 10_000 {
		t.Errorf("%d bytes, asked for 10000", len(data))
	}
}
