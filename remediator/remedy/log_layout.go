package remedy

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A logName is a file's name, read as a container log's.
type logName struct {
	live    string // name of the log that is written
	rotated bool   // it is an older part of that log
	age     uint64 // among parts of one log, more is newer
}

// A logLayout is how one runtime names the logs of one container. It says no to
// every name it does not know: what is not a container log is not touched.
type logLayout func(name string) (logName, bool)

// kubeletLog reads names in <root>/<namespace>_<pod>_<uid>/<container>, as
// pkg/kubelet/logs/container_log_manager.go and pkg/kubelet/kuberuntime write
// them; n counts the restarts:
//
//	n.log
//	n.log.20060102-150405
//	n.log.20060102-150405.gz
//
// A ".tmp" is the kubelet's, while it compresses.
func kubeletLog(name string) (logName, bool) {
	n, suffix, ok := strings.Cut(name, ".log")
	if !ok || !digits(n) {
		return logName{}, false
	}
	live := name[:len(n)+len(".log")]
	if suffix == "" {
		return logName{live: live}, true
	}
	date, clock, ok := strings.Cut(strings.TrimSuffix(suffix, ".gz"), "-")
	if !ok || len(date) != 9 || date[0] != '.' || len(clock) != 6 {
		return logName{}, false
	}
	moment := date[1:] + clock
	if _, err := time.Parse("20060102150405", moment); err != nil {
		return logName{}, false // a time that never was would be the newest for ever
	}
	age, err := strconv.ParseUint(moment, 10, 64)
	return logName{live, true, age}, err == nil
}

// dockerLog returns the layout of <root>/<id>, as
// daemon/logger/loggerutils/logfile.go of moby writes it:
//
//	<id>-json.log
//	<id>-json.log.1      the newest of the rotated
//	<id>-json.log.2.gz
func dockerLog(id string) logLayout {
	live := id + "-json.log"
	return func(name string) (logName, bool) {
		suffix, ok := strings.CutPrefix(name, live)
		if !ok || suffix == "" {
			return logName{live: live}, ok
		}
		n, ok := strings.CutPrefix(strings.TrimSuffix(suffix, ".gz"), ".")
		if !ok || !digits(n) || n[0] == '0' {
			return logName{}, false
		}
		i, err := strconv.ParseUint(n, 10, 32)
		return logName{live, true, math.MaxUint64 - i}, err == nil
	}
}

// A podName is a pod as its folder of logs names it.
type podName struct {
	namespace, name string
	uid             string // a static pod's is the hash of its manifest
}

// podFolder reads <namespace>_<pod>_<uid>. The parts cannot contain the
// separator: they are DNS names, and a UID or a static pod's hash.
func podFolder(name string) (pod podName, ok bool) {
	parts := strings.Split(name, "_")
	if len(parts) != 3 {
		return podName{}, false
	}
	ok = dnsName(parts[0], "-") && dnsName(parts[1], "-.") && dnsName(parts[2], "-")
	return podName{parts[0], parts[1], parts[2]}, ok
}

func (p podName) folder() string { return p.namespace + "_" + p.name + "_" + p.uid }

// apiServer is a container whose output may be an audit log: --audit-log-path=-
const apiServer = "kube-apiserver"

// containerFolder reports whether name can be that of a container of a pod.
func containerFolder(name string) bool { return dnsName(name, "-") }

// dockerFolder reports whether name is the ID of a container.
func dockerFolder(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// dnsName reports whether s is made of lower-case letters, digits and, inside,
// the characters of also.
func dnsName(s, also string) bool {
	for i, c := range []byte(s) {
		inside := i > 0 && i < len(s)-1
		if !alphanumeric(c) && !(inside && strings.IndexByte(also, c) >= 0) {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
