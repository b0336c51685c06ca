package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The roles in which this program is started again, as processes of their own:
// a remedy finds out through /proc who writes to a log, and how.
var roles = map[string]func(ctx context.Context, args []string, stdout io.Writer) error{
	"append": appendLog,
	"plain":  plainLog,
	"rotate": rotateLog,
	"fill":   fill,
}

// A role's arguments: PATH, bytes to write at once, bytes per second after that.
// It says "ready" in between and ends with its context.
func write(ctx context.Context, args []string, stdout io.Writer, to func([]byte) error) error {
	first, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	rate, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	for done := 0; done < first; {
		chunk := lines(min(first-done, 256<<10))
		if err := to(chunk); err != nil {
			return err
		}
		done += len(chunk)
	}
	fmt.Fprintln(stdout, "ready")
	return trickle(ctx, rate, func(n int) error { return to(lines(n)) })
}

// trickle asks for rate bytes per second, ten times a second, as long as ctx
// lasts. What a busy machine made it miss it makes up for.
func trickle(ctx context.Context, rate int, ask func(n int) error) error {
	began, asked := time.Now(), 0
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			due := int(time.Since(began).Seconds()*float64(rate)) - asked
			if due <= 0 {
				continue
			}
			if err := ask(due); err != nil {
				return err
			}
			asked += due
		}
	}
}

// lines returns at least n bytes of a container's log, as a runtime writes them:
//
//	2026-11-23T10:15:00.123456789Z stdout F GET /basket/5fQ… 200
func lines(n int) []byte {
	var b bytes.Buffer
	var noise [90]byte
	for b.Len() < n {
		for i := range noise {
			noise[i] = byte(rand.Uint32())
		}
		fmt.Fprintf(&b, "%s stdout F GET /basket/%s 200\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z"), base64.RawURLEncoding.EncodeToString(noise[:]))
	}
	return b.Bytes()
}

// appendLog writes as container runtimes do: every write goes to the end of the
// file, wherever that is.
func appendLog(ctx context.Context, args []string, stdout io.Writer) error {
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer file.Close()
	return write(ctx, args, stdout, all(file))
}

// plainLog keeps its own offset: truncated under its hands, its file would turn
// into a hole. It ends by saying what it has written:
//
//	sha256 9f86d081884c7d65… 1234567
func plainLog(ctx context.Context, args []string, stdout io.Writer) error {
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer file.Close()
	sum, written := sha256.New(), 0
	err = write(ctx, args, stdout, func(data []byte) error {
		n, err := file.Write(data)
		sum.Write(data[:n])
		written += n
		return err
	})
	fmt.Fprintln(stdout, testimony(sum, written))
	return err
}

func testimony(sum hash.Hash, written int) string {
	return fmt.Sprintf("sha256 %x %d", sum.Sum(nil), written)
}

func all(file *os.File) func([]byte) error {
	return func(data []byte) error {
		_, err := file.Write(data)
		return err
	}
}

// The kubelet's defaults are 10 MiB (here less, the disk is small) and 5 files,
// the live one included.
const maxFiles = 5

// rotateLog appends and rotates as the kubelet does, at args[3] bytes. What it
// writes at once is its past: rotated files are named as if that had taken ten
// minutes each.
func rotateLog(ctx context.Context, args []string, stdout io.Writer) error {
	path := args[0]
	limit, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { file.Close() }()
	past := time.Now().Add(-maxFiles * 10 * time.Minute)
	size := 0
	return write(ctx, args, stdout, func(data []byte) error {
		if size >= limit {
			past = past.Add(10 * time.Minute)
			if file, err = rotate(file, past); err != nil {
				return err
			}
			size = 0
		}
		n, err := file.Write(data)
		size += n
		return err
	})
}

// rotate does what container_log_manager.go of the kubelet does, in its order:
// removes what is too much, compresses what is not, renames the live file, has
// it opened anew.
func rotate(file *os.File, at time.Time) (*os.File, error) {
	path := file.Name()
	old, err := filepath.Glob(path + ".*")
	if err != nil {
		return file, err
	}
	slices.Sort(old)
	for len(old) > maxFiles-2 {
		if err := os.Remove(old[0]); err != nil && !os.IsNotExist(err) {
			return file, err
		}
		old = old[1:]
	}
	for _, rotated := range old {
		if strings.HasSuffix(rotated, ".gz") {
			continue
		}
		if err := compress(rotated); err != nil && !os.IsNotExist(err) {
			return file, err
		}
	}
	if err := os.Rename(path, path+"."+at.Format("20060102-150405")); err != nil {
		return file, err
	}
	file.Close()
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

func compress(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	defer to.Close()
	packed, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.Copy(packed, from); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path+".gz"); err != nil {
		return err
	}
	return os.Remove(path)
}

// fill writes args[1] bytes of data that is nobody's log, at args[2] bytes per
// second, and then sits on them.
func fill(ctx context.Context, args []string, stdout io.Writer) error {
	left, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	rate, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Fprintln(stdout, "ready")
	return trickle(ctx, rate, func(n int) error {
		n = min(n, left)
		left -= n
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		_, err := file.Write(data)
		return err
	})
}
