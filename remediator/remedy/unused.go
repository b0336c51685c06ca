package remedy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// UnusedImages remembers since when images have been seen unused, for ImageGC: the
// CRI does not tell an image's age. Look at them every half a minute or so.
//
// It is kept in a file, so that a restart of the program does not make every image
// young. Times are counted from the machine's start: no setting of its clock makes
// an image older or younger. What cannot be told (the file is damaged, of another
// start of the machine, or nobody has looked for ten minutes) makes them all young.
// It is safe for concurrent use.
type UnusedImages struct {
	path  string
	clock func() (time.Duration, error) // since the machine started
	boot  func() (string, error)        // identifies that start

	look   sync.Mutex // one Look at a time
	loaded bool       // by Look

	mu    sync.Mutex
	known unusedFile
}

// unusedFile is the file. Times are in nanoseconds since the machine's start.
type unusedFile struct {
	Boot   string                   `json:"boot"`
	Looked time.Duration            `json:"looked"` // the last time
	Since  map[string]time.Duration `json:"since"`  // by image ID
}

const (
	// maxUnusedGap is how long nobody may have looked: an image may have been used
	// meanwhile.
	maxUnusedGap = 10 * time.Minute
	// maxUnused bounds how many images are remembered; what is beyond stays young.
	maxUnused = 10_000
	// maxUnusedFile bounds the file, in bytes: so many IDs fit easily.
	maxUnusedFile = 4 << 20
)

// NewUnusedImages returns one that is kept at path, which should be on tmpfs, in a
// folder that only this user may write to; "" keeps it in memory only. It reads
// nothing yet.
func NewUnusedImages(path string) *UnusedImages {
	return &UnusedImages{path: path, clock: sinceBoot, boot: bootID}
}

// Since returns since when the image has been seen, and never seen in use; false
// if it is in use or was not seen before.
func (u *UnusedImages) Since(id string) (time.Time, bool) {
	now, err := u.clock()
	if err != nil {
		return time.Time{}, false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	since, seen := u.known.Since[trimID(id)]
	if !seen || since < 0 || since > now || !u.fresh(now) {
		return time.Time{}, false
	}
	return time.Now().Add(since - now), true
}

// Look looks which images are in use now. After an error that begins with the file
// it has looked all the same, and only the file is not as it should be; after any
// other it knows what it knew before.
func (u *UnusedImages) Look(ctx context.Context, r Runtime, p Pods) error {
	u.look.Lock()
	defer u.look.Unlock()
	loading := u.load()
	now, err := u.clock()
	if err != nil {
		return fmt.Errorf("unused images: %w", err)
	}
	images, err := r.Images(ctx)
	if err != nil {
		return fmt.Errorf("unused images: %w", err)
	}
	needed, err := lookForNeeds(ctx, Node{Runtime: r, Pods: p})
	if err != nil {
		return fmt.Errorf("unused images: %w", err)
	}
	if needed.unclear != "" {
		return fmt.Errorf("unused images: %s", needed.unclear)
	}
	unused := make(map[string]time.Duration)
	for _, image := range images {
		if id := trimID(image.ID); len(unused) < maxUnused && len(id) <= 256 && needed.of(image) == "" {
			unused[id] = now
		}
	}
	u.update(unused, now)
	if err := errors.Join(loading, u.save()); err != nil {
		return fmt.Errorf("%s: %w", u.path, err)
	}
	return nil
}

// Forget makes an image young, for it is removed: if it is there again at the next
// look, it was pulled meanwhile.
func (u *UnusedImages) Forget(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known.Since, trimID(id))
}

// update keeps what was known of those that are still unused.
func (u *UnusedImages) update(unused map[string]time.Duration, now time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fresh(now) {
		for id := range unused {
			if before, known := u.known.Since[id]; known && before >= 0 && before <= now {
				unused[id] = before
			}
		}
	}
	u.known.Since, u.known.Looked = unused, now
}

// fresh reports whether the last look was not too long ago.
func (u *UnusedImages) fresh(now time.Duration) bool {
	ago := now - u.known.Looked
	return ago >= 0 && ago <= maxUnusedGap
}

// load reads the file, once.
func (u *UnusedImages) load() error {
	if u.loaded {
		return nil
	}
	u.loaded = true
	boot, err := u.boot()
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known.Boot = boot
	if u.path == "" {
		return nil
	}
	kept, err := readUnused(u.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("all images count as young: %w", err)
	case kept.Boot == boot:
		u.known = kept
	}
	return nil
}

// readUnused trusts no file that another user could have written.
func readUnused(path string) (unusedFile, error) {
	var kept unusedFile
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return kept, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return kept, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return kept, errors.New("not a file that only this user can write")
	}
	if err := json.NewDecoder(io.LimitReader(f, maxUnusedFile)).Decode(&kept); err != nil {
		return unusedFile{}, err
	}
	if len(kept.Since) > maxUnused {
		return unusedFile{}, fmt.Errorf("it has more than %d images", maxUnused)
	}
	return kept, nil
}

// save replaces the file at once: it is either as it was or as it is to be.
func (u *UnusedImages) save() error {
	if u.path == "" {
		return nil
	}
	u.mu.Lock()
	data, err := json.Marshal(u.known)
	u.mu.Unlock()
	if err != nil {
		return err
	}
	aside := u.path + ".new"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one who was killed here
		return err
	}
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(aside, u.path)
	}
	if err != nil {
		os.Remove(aside)
	}
	return err
}

func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("time since the machine started: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}
