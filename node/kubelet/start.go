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

// A startLine is such a line, up to what follows the sentence, as klog writes it
// in text and in JSON. Before it stands whatever collects the log puts there. A
// container can make the kubelet quote its words, but not in this place: it is the
// first such header of the line, and not indented, as quoted lines are.
//
//	I1123 07:04:33.383302     531 container_manager_linux.go:278] "Creating Container Manager …" nodeConfig={"NodeName":…
//	{"ts":1763881473383.302,"caller":"cm/container_manager_linux.go:278","msg":"Creating Container Manager …","v":0,"nodeConfig":{…
var (
	header    = regexp.MustCompile(`(?:^|[^\t])\b[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ (\S+\.go):\d+\] "?|\{"ts":[\d.]+,"caller":"(?:\S+/)?(\w+\.go):\d+","msg":"`)
	indented  = regexp.MustCompile(`(?:\t|\\t)[IWEF]\d{4} `)
	startFile = "container_manager_linux.go"
)

// parseStart reads the line that a kubelet writes when it starts. ours is false
// for a line that only looks like it. Soft thresholds, and all that is no
// threshold, are not in it.
func parseStart(line string, r release) (c *Configuration, ours bool, err error) {
	if strings.Contains(line, `{\"`) || strings.Contains(line, `] \"`) { // in a string of a line in JSON
		line = strings.ReplaceAll(line, `\"`, `"`)
	}
	at := header.FindStringSubmatchIndex(line)
	if at == nil || indented.MatchString(line[:at[1]]) {
		return nil, false, nil
	}
	m := header.FindStringSubmatch(line)
	rest, ok := strings.CutPrefix(line[at[1]:], startSentence)
	if !ok || m[1]+m[2] != startFile {
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
