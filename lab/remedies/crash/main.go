// Command crash is a container that ends: it adds a line to a file, writes so
// many bytes of lines to standard output, and exits with a code.
//
//	crash FILE BYTES CODE
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
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
	if len(args) != 3 {
		return failed, fmt.Errorf("%q: want FILE BYTES CODE", args)
	}
	bytes, err := strconv.Atoi(args[1])
	if err != nil {
		return failed, err
	}
	if code, err = strconv.Atoi(args[2]); err != nil {
		return failed, err
	}
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return failed, err
	}
	if _, err := fmt.Fprintln(file, "ran"); err != nil {
		return failed, err
	}
	out := bufio.NewWriter(os.Stdout)
	line := strings.Repeat("x", 99) + "\n"
	for ; bytes > 0; bytes -= len(line) {
		if _, err := out.WriteString(line); err != nil {
			return failed, err
		}
	}
	return code, out.Flush()
}
