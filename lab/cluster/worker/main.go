// Command worker is what runs in the lab's pods, and beside them what takes
// processes and memory. It does one thing and then waits to be ended:
//
//	worker pause
//	worker write FILE BYTES [BYTES_PER_SECOND]  writes a file
//	worker log BYTES [BYTES_PER_SECOND [LINE]]  writes numbered lines to standard output
//	worker leave FILE BYTES [BYTES_PER_SECOND]  writes a file and ends as a crash does
//	worker end                                  ends at once, and well
//	worker obey FILE                            waits for FILE and does what it says
//	worker inodes FOLDER COUNT                  makes empty files
//	worker tasks COUNT                          has so many threads more
//	worker memory BYTES                         touches so much memory
//
// It says "done" on standard error when it has got there.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "done")
	if <-ended == syscall.SIGTERM {
		os.Exit(143) // as a shell says it: a pod that is evicted has not succeeded
	}
}

// kept is memory that must not be given back.
var kept []byte

func run(args []string) error {
	if len(args) == 0 || args[0] == "pause" {
		return nil
	}
	if args[0] == "end" {
		os.Exit(0)
	}
	if args[0] == "obey" && len(args) == 2 {
		order, err := await(args[1])
		if err != nil {
			return err
		}
		return run(order)
	}
	numbers, err := parse(args[1:])
	if err != nil {
		return err
	}
	switch {
	case args[0] == "write" && len(args) >= 3:
		return write(args[1], numbers)
	case args[0] == "leave" && len(args) >= 3:
		if err := write(args[1], numbers); err != nil {
			return err
		}
		return errLeft
	case args[0] == "log" && len(args) >= 2:
		return log(os.Stdout, numbers)
	case args[0] == "inodes" && len(args) == 3:
		return inodes(args[1], numbers[0])
	case args[0] == "tasks" && len(args) == 2:
		return tasks(int(numbers[0]))
	case args[0] == "memory" && len(args) == 2:
		return memory(numbers[0])
	}
	return fmt.Errorf("%q: not one of pause, end, write, log, leave, obey, inodes, tasks, memory with their arguments", args)
}

// parse reads the numbers among the arguments; only the first may be a path.
func parse(args []string) ([]int64, error) {
	var numbers []int64
	for i, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 64)
		switch {
		case err == nil:
			numbers = append(numbers, n)
		case i > 0:
			return nil, fmt.Errorf("%q: not a number", arg)
		}
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("%q: a number is missing", args)
	}
	return numbers, nil
}

func write(path string, numbers []int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pour(file, numbers, strings.Repeat("0123456789abcde\n", 4096)); err != nil {
		return err
	}
	return file.Sync()
}

// pour writes numbers[0] bytes, at numbers[1] bytes a second if that is given.
func pour(to io.Writer, numbers []int64, piece string) error {
	return pace(numbers, func(left int64) (int, error) {
		return io.WriteString(to, piece[:min(int64(len(piece)), left)])
	})
}

// pace calls write, which is told how much is left and says how much it wrote.
func pace(numbers []int64, write func(left int64) (int, error)) error {
	began, done := time.Now(), int64(0)
	for done < numbers[0] {
		n, err := write(numbers[0] - done)
		if err != nil {
			return err
		}
		done += int64(n)
		if len(numbers) > 1 && numbers[1] > 0 {
			due := time.Duration(float64(done) / float64(numbers[1]) * float64(time.Second))
			time.Sleep(due - time.Since(began))
		}
	}
	return nil
}

func inodes(dir string, count int64) error {
	for i := range count {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("inode-%d", i)), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tasks blocks count goroutines on threads of their own.
func tasks(count int) error {
	debug.SetMaxThreads(count + 1000)
	var there sync.WaitGroup
	for range count {
		there.Add(1)
		go func() {
			runtime.LockOSThread()
			there.Done()
			for {
				syscall.Pause()
			}
		}()
	}
	there.Wait()
	return nil
}

func memory(bytes int64) error {
	kept = make([]byte, bytes)
	for i := 0; i < len(kept); i += os.Getpagesize() {
		kept[i] = 1
	}
	return nil
}
