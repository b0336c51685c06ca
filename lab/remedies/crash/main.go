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
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(125)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%q: want FILE BYTES CODE", args)
	}
	bytes, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	code, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(file, "ran"); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	line := strings.Repeat("x", 99) + "\n"
	for ; bytes > 0; bytes -= len(line) {
		if _, err := out.WriteString(line); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	os.Exit(code)
	return nil
}
