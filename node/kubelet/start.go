package kubelet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// startSentence is what every kubelet since 1.7 logs when it starts
// (NewContainerManager in pkg/kubelet/cm/container_manager_linux.go).
const startSentence = "Creating Container Manager object based on Node Config"

// header is what klog puts before a message, in text and in JSON. Before it stands
// whatever collects the log puts there, but no tab: that is how klog indents what
// it quotes.
//
//	I1123 07:04:33.383302     531 container_manager_linux.go:278] "Creating Container Manager …" nodeConfig={"NodeName":…
//	{"ts":1763881473383.302,"caller":"cm/container_manager_linux.go:278","msg":"Creating Container Manager …","v":0,"nodeConfig":{…
var header = regexp.MustCompile(`^[^\t]*?(?:\b[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ (\S+\.go):\d+\] "?|\{"ts":[\d.]+,"caller":"(?:\S+/)?(\w+\.go):\d+","msg":")`)

// message splits a line of a kubelet's log into the file that it comes from and
// what that says. Containers have their words in such logs, too: only the first
// header of a line is the kubelet's own.
func message(line string) (file, text string) {
	if strings.Contains(line, `{\"`) || strings.Contains(line, `] \"`) { // in a string of a line in JSON
		line = strings.ReplaceAll(line, `\"`, `"`)
	}
	found := header.FindStringSubmatch(line)
	if found == nil {
		return "", ""
	}
	_, text, _ = strings.Cut(line, found[0])
	return found[1] + found[2], text
}

// parseStart reads the line that a kubelet writes when it starts. ours is false
// for a line that only looks like it. Soft thresholds, and all that is no
// threshold, are not in it.
func parseStart(line string, r release) (c *Configuration, ours bool, err error) {
	file, text := message(line)
	rest, ok := strings.CutPrefix(text, startSentence)
	if !ok || file != "container_manager_linux.go" {
		return nil, false, nil
	}
	_, value, ok := strings.Cut(rest, "{")
	var said nodeConfig
	switch {
	case !ok:
		err = errors.New("there is nothing behind it")
	case strings.HasPrefix(value, `"`):
		err = json.NewDecoder(strings.NewReader("{" + value)).Decode(&said)
	default:
		err = said.parse(value)
	}
	if err == nil {
		c, err = said.configuration(r)
	}
	if err != nil {
		return nil, true, fmt.Errorf("the line %q of the kubelet's start: %w", startSentence, err)
	}
	return c, true, nil
}

// loggedVersion is the version that a kubelet logs before that, in text and JSON.
var loggedVersion = regexp.MustCompile(`^kubeletVersion\\?"?[=:]\\?"(v[^"\\]+)`)

// versionBefore is the version that a kubelet has logged shortly before, in the
// lines that are left of the same block, if they are:
//
//	… "Kubelet version" kubeletVersion="v1.37.2"
func versionBefore(lines []byte) string {
	at := bytes.LastIndex(lines, []byte("kubeletVersion"))
	if at < 0 {
		return ""
	}
	m := loggedVersion.FindSubmatch(lines[at:])
	if m == nil || parseRelease(string(m[1])) == 0 {
		return ""
	}
	return string(m[1])
}
