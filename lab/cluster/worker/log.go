package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
)

// lineBytes is how long a line is unless something else is asked for, its end
// included; numberBytes is how much of it is its number and a space.
const (
	lineBytes   = 100
	numberBytes = 13
)

// log writes numbers[0] bytes of lines, at numbers[1] bytes a second, of numbers[2]
// bytes each. Every line begins with its number, from 0, so that a reader can tell
// what is missing, and goes on with what no compression makes much smaller: the
// lines of real services are not all alike.
func log(to io.Writer, numbers []int64) error {
	size := lineBytes
	if len(numbers) > 2 {
		size = max(int(numbers[2]), numberBytes+1)
	}
	noise, n := letters(1<<20+size), 0
	return pace(numbers, func(int64) (int, error) {
		at := n * 4099 % (1 << 20)
		line := fmt.Appendf(make([]byte, 0, size), "%0*d ", numberBytes-1, n)
		line = append(line, noise[at:at+size-numberBytes-1]...)
		n++
		return to.Write(append(line, '\n'))
	})
}

// letters are that many of base64's, at random.
func letters(count int) []byte {
	random := make([]byte, count)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	return []byte(base64.StdEncoding.EncodeToString(random))[:count]
}
