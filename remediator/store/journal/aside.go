package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// replace sets the file at path aside and puts a new journal with what could be
// read in its place. The new one is whole before the old one is touched, and
// takes its name in one step: there is no moment without a file at path.
func (o Options) replace(path string, old *os.File, r recovered) (*Journal, error) {
	l := layoutFor(o.Size, r.state.size)
	f, at, err := o.writeOut(path, r.state, l.size)
	if err != nil {
		return nil, fmt.Errorf("%w; set it aside: %w", r.damage, err)
	}
	aside, err := o.setAside(path, r.damage)
	if err != nil {
		os.Remove(path + newSuffix)
		f.Close()
		return nil, fmt.Errorf("%w; set it aside: %w", r.damage, err)
	}
	old.Close()
	r.layout, r.at, r.newest = l, at, at.generation
	j := o.journal(path, o.wrap(osFile{f}), r)
	j.reportAside(aside, r.damage)
	return j, nil
}

// setAside gives the file at path another name, which it takes from nobody, and
// path to the new file.
func (o Options) setAside(path string, damage error) (string, error) {
	aside, err := link(path, damage, o.Now())
	if err != nil {
		return "", err
	}
	err = rename(path+newSuffix, path, 0)
	if err != nil {
		os.Remove(aside) // the old file still has its own name
		return "", err
	}
	return aside, syncFolder(path)
}

// link gives a file a second name that says when and why: a link, unlike a
// rename, never takes a name that is in use.
func link(path string, damage error, now time.Time) (string, error) {
	why := "damaged"
	if errors.As(damage, &newerError{}) {
		why = "newer"
	}
	stem := fmt.Sprintf("%s.%s-%s", path, why, now.UTC().Format("20060102T150405Z"))
	aside := stem
	for n := 2; ; n++ {
		err := unix.Link(path, aside)
		if err == nil {
			return aside, nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return "", fmt.Errorf("link %s: %w", filepath.Base(aside), err)
		}
		aside = fmt.Sprintf("%s-%d", stem, n)
	}
}

// reportAside is loud about a file that now lies under the name aside.
func (j *Journal) reportAside(aside string, damage error) {
	j.aside = append(j.aside, aside)
	j.log.Error("journal set aside: a new one holds what could still be read of it; keep the old one for whoever looks into it, or remove it",
		"path", j.path, "aside", aside, "err", damage, "entries", len(j.state.entries))
}
