package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// trusted returns why somebody else may have written what is at path: it or its
// folder is another user's, or others may write there.
func trusted(path string) error {
	for _, name := range []string{filepath.Dir(path), path} {
		var st unix.Stat_t
		err := unix.Stat(name, &st)
		switch {
		case errors.Is(err, unix.ENOENT) && name == path:
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, os.NewSyscallError("stat", err))
		case st.Uid != 0 && int(st.Uid) != os.Geteuid():
			return fmt.Errorf("%s belongs to user %d: not to be trusted, name a file in a folder of your own", name, st.Uid)
		case st.Mode&0o022 != 0:
			return fmt.Errorf("%s can be written by others (mode %04o): not to be trusted, name a file in a folder of your own", name, st.Mode&0o7777)
		}
	}
	return nil
}
