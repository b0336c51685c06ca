package main

import (
	"errors"
	"os"
	"strings"
	"time"
)

// errLeft is how a worker ends that was told to leave.
var errLeft = errors.New("left, as told")

// await waits until there is a file and returns the words in it.
func await(path string) ([]string, error) {
	for {
		data, err := os.ReadFile(path)
		if err == nil {
			return strings.Fields(string(data)), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}
