package remedy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// dockerRecord is the file in which Docker keeps what a container is, beside its logs
// (daemon/container/container.go, ToDisk).
const dockerRecord = "config.v2.json"

// maxDockerRecord is more bytes than such a record has.
const maxDockerRecord = 4 << 20

// A dockerOwner is whose a container of Docker's is: by the labels that a kubelet
// gives it, which one that nobody's kubelet has made lacks.
type dockerOwner struct {
	pod       podName
	container string // its name, Docker's where there is no other
}

// docker reads the logs of one of Docker's containers, if it can be told whose they
// are and nothing speaks for them.
func (w *walker) docker(ctx context.Context, r *root, e dirent) error {
	fd, err := w.enter(r.fd, e, r.path)
	if fd < 0 {
		return err
	}
	owner, err := readDockerOwner(fd)
	unix.Close(fd)
	what := printable(r.path + "/" + e.name)
	switch {
	case errors.Is(err, unix.ENOENT):
		w.notes.add("cannot tell whose container it is: it has no "+dockerRecord, what)
	case err != nil:
		w.notes.add("cannot tell whose container it is: "+err.Error(), what)
	case w.exempt(owner.pod) != "":
		w.notes.add(w.exempt(owner.pod), what)
	case owner.container == apiServer:
		w.notes.add(mayBeAudit, what)
	default:
		return w.logs(ctx, r, r.fd, e, e.name, owner.pod, dockerLog(e.name))
	}
	return nil
}

// readDockerOwner reads the record in a container's folder.
func readDockerOwner(dir int) (dockerOwner, error) {
	fd, err := openBeneath(dir, dockerRecord, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return dockerOwner{}, err
	}
	f := os.NewFile(uintptr(fd), dockerRecord)
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDockerRecord))
	if err != nil {
		return dockerOwner{}, err
	}
	var record struct {
		ID, Name string
		Config   *struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return dockerOwner{}, err
	}
	if record.ID == "" || record.Config == nil {
		return dockerOwner{}, errors.New(dockerRecord + " names no container")
	}
	labels := record.Config.Labels
	owner := dockerOwner{
		pod:       podName{labels["io.kubernetes.pod.namespace"], labels["io.kubernetes.pod.name"], labels["io.kubernetes.pod.uid"]},
		container: labels["io.kubernetes.container.name"],
	}
	if owner.container == "" && len(record.Name) > 0 {
		owner.container = record.Name[1:] // Docker's begin with a slash
	}
	return owner, nil
}
