package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nodeheadroom/headroom/remediator/remedy"
)

// maxFile is far more than any policy has.
const maxFile = 1 << 20

// Load reads a policy file. Others must not be able to write it: it decides
// what is done with the rights of this program.
func Load(path string, remedies []remedy.Remedy) (*Policy, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", path, err)
	}
	return Parse(path, data, remedies)
}

func readFile(path string) ([]byte, error) {
	// O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, errors.New("a directory: name the file in it")
	case !mode.IsRegular():
		return nil, fmt.Errorf("a file of type %s: must be a regular file", mode.Type())
	case mode&0o002 != 0:
		return nil, fmt.Errorf("mode %#o lets others write it, and so decide what is done to this machine: chmod o-w %s", mode.Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes: is it the right file?", maxFile)
	}
	return data, nil
}

// cause drops the verb and the path that package os puts in front of a reason.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
