// Command crash is a container that ends: it adds a line to a file, writes so
// many bytes of lines to standard output, and exits with a code. With LAYER it
// writes so many bytes into its own filesystem, too, and once it has run TIMES
// times it stays.
//
//	crash FILE BYTES CODE [LAYER TIMES]
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
	os.Exit(code)
}

// failed is the code where it could not do what it was told.
const failed = 125

func run(args []string) (code int, err error) {
	if len(args) != 3 && len(args) != 5 {
		return failed, fmt.Errorf("%q: want FILE BYTES CODE [LAYER TIMES]", args)
	}
	var numbers [4]int
	for i, arg := range args[1:] {
		if numbers[i], err = strconv.Atoi(arg); err != nil {
			return failed, err
		}
	}
	length, code, layer, times := numbers[0], numbers[1], numbers[2], numbers[3]
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return failed, err
	}
	if _, err := fmt.Fprintln(file, "ran"); err != nil {
		return failed, err
	}
	if ran, err := os.ReadFile(args[0]); err == nil && times > 0 && bytes.Count(ran, []byte("\n")) > times {
		time.Sleep(time.Hour)
	}
	if err := os.WriteFile("/layer", make([]byte, layer), 0o644); err != nil {
		return failed, err
	}
	out := bufio.NewWriter(os.Stdout)
	line := strings.Repeat("x", 99) + "\n"
	for ; length > 0; length -= len(line) {
		if _, err := out.WriteString(line); err != nil {
			return failed, err
		}
	}
	return code, out.Flush()
}
