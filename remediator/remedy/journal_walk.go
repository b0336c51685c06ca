package remedy

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// A journalWalker reads the folders of systemd's journal.
type journalWalker struct {
	*walker
	folders []*machineJournal
	uses    map[uint64]*uses // of every file in them, by inode
}

// A machineJournal is one folder: the journal of a machine, or of a namespace on
// it.
type machineJournal struct {
	namespace string
	files     []journal
}

// A journal is one file of it.
type journal struct {
	file
	kind   journalKind
	head   uint64 // see journalName; of an active file, what its header says
	online bool   // by its header
}

// walkRoot reads the folders of all machines beneath a root.
func (w *journalWalker) walkRoot(ctx context.Context, path string) error {
	r, err := w.enterRoot(journalRoot, path)
	if r == nil {
		return err
	}
	defer unix.Close(r.fd)
	return w.each(ctx, r.fd, 0, r.path, func(e dirent) error {
		namespace, ok := journalFolder(e.name)
		if !ok {
			w.notes.add("not the name of a machine's journal folder", printable(r.path+"/"+e.name))
			return nil
		}
		return w.machine(ctx, r, e, namespace)
	})
}

// machine reads one folder.
func (w *journalWalker) machine(ctx context.Context, r *root, e dirent, namespace string) error {
	fd, err := w.enter(r.fd, e, r.path)
	if fd < 0 {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", printable(r.path+"/"+e.name), err)
	}
	in := &folder{root: r, path: e.name, id: idOf(&st)}
	m := &machineJournal{namespace: namespace}
	w.folders = append(w.folders, m)
	return w.each(ctx, fd, 1, r.path+"/"+e.name, func(e dirent) error {
		if len(w.uses) == maxItems {
			w.notes.add(fmt.Sprintf("more than %d files: what else there is comes with the next plan", maxItems), printable(r.path))
			return nil
		}
		j, reason := w.journal(fd, in, e)
		switch reason {
		case gone:
		case "":
			m.files = append(m.files, j)
			w.uses[j.ino] = new(uses)
		default:
			w.notes.add(reason, printable(j.path()))
		}
		return nil
	})
}

// Reasons to leave a file of the journal alone.
const (
	notJournal = "not a file of systemd's journal"
	isOnline   = "its header says that it is being written, or was when the machine stopped"
	isWritten  = "a process writes it"
)

// journal reads what a file is, and why it is to be left alone.
func (w *journalWalker) journal(dir int, in *folder, e dirent) (j journal, reason string) {
	name := journalFile(e.name)
	j = journal{file: file{in: in, name: e.name}, kind: name.kind, head: name.head}
	if name.kind == foreign {
		return j, notJournal
	}
	if j.file, reason = w.look(dir, in, e); reason != "" {
		return j, reason
	}
	header, ok, err := readJournalHeader(dir, e.name)
	switch {
	case err == unix.ENOENT:
		return j, gone
	case err != nil:
		return j, "read its header: " + err.Error()
	case name.kind == disposed: // whatever it says was found wrong
		return j, ""
	case !ok:
		return j, notJournal
	}
	j.online = header.state == stateOnline
	if j.kind == active {
		j.head = header.head - 1 // of one without entries that is the newest of all
	}
	return j, ""
}
