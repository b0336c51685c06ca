package main

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// text is the lines of those numbers as a runtime writes them.
func text(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "2026-11-25T22:50:18.123456789Z stdout F %012d 345678\n", n) // 20 bytes with its end
	}
	return b.String()
}

func TestAReaderKnowsWhatItCanReadNoMore(t *testing.T) {
	for sentence, test := range map[string]struct {
		then func(t *testing.T, live string)
		lost int64
	}{
		"nothing is lost of what is there": {func(t *testing.T, live string) {}, 0},
		"a log that was emptied is lost": {func(t *testing.T, live string) {
			write(t, live, "")
		}, 100 * 20},
		"a log that was emptied and goes on is lost up to there": {func(t *testing.T, live string) {
			write(t, live, text(90, 100))
		}, 90 * 20},
		"what was rotated can be read": {func(t *testing.T, live string) {
			write(t, live+".20261125-225018", text(0, 60))
			write(t, live, text(60, 100))
		}, 0},
		"what was compressed can be read": {func(t *testing.T, live string) {
			compress(t, live+".20261125-225018.gz", text(0, 60))
			write(t, live, text(60, 100))
		}, 0},
		"what is there twice counts once": {func(t *testing.T, live string) {
			compress(t, live+".20261125-225018.gz", text(0, 60))
			write(t, live+".20261125-225018", text(0, 60))
			write(t, live, text(70, 100))
		}, 10 * 20},
		"a folder that is gone is lost whole": {func(t *testing.T, live string) {
			if err := os.RemoveAll(filepath.Dir(live)); err != nil {
				t.Fatal(err)
			}
		}, 100 * 20},
		"half a line is no line": {func(t *testing.T, live string) {
			whole := text(0, 100)
			write(t, live, whole[:len(whole)-5])
		}, 20},
	} {
		t.Run(sentence, func(t *testing.T) {
			root := t.TempDir()
			live := filepath.Join(root, "play-1_offender-7f_1234", "offender", "0.log")
			write(t, live, "2026-11-25T22:50:18.1Z stderr F done\n"+text(0, 100))
			write(t, filepath.Join(root, "play-1_bystander-7f_1234", "app", "0.log"), text(0, 5))
			r := newReader(root)
			if err := r.look(); err != nil {
				t.Fatal(err)
			}
			test.then(t, live)
			got, err := r.lost("offender")
			if err != nil || got != test.lost {
				t.Errorf("%d bytes are lost, %v; want %d", got, err, test.lost)
			}
			if other, err := r.lost("bystander"); err != nil || other != 0 {
				t.Errorf("of the other pod %d are lost, %v", other, err)
			}
		})
	}
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func compress(t *testing.T, path, data string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := gzip.NewWriter(file)
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
