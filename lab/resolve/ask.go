package resolve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// With these in front a kubelet logs its effective configuration and then
// refuses it, before it touches anything. The second keeps what this machine's
// cgroups are out of the answer.
var sentinel = []string{"--registry-burst=-1", "--fail-cgroupv1=false"}

// complaint is what it says about the first of them.
const complaint = "invalid configuration: registryBurst (--registry-burst) -1 must not be a negative number"

// Ask fills in what the kubelet program makes of the case, in a folder of its own.
func (c *Case) Ask(ctx context.Context, kubelet string) error {
	dir, err := os.MkdirTemp("", "headroom-resolve-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := c.Write(dir); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	cmd := exec.CommandContext(ctx, kubelet, append(sentinel[:len(sentinel):len(sentinel)], c.Command(dir)...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		return fmt.Errorf("%s: the kubelet did not refuse to start: %v:\n%s", c.Name, err, out)
	}
	if c.Effective, c.Refused, err = parseAnswer(out); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	c.Refused = shorten(strings.ReplaceAll(c.Refused, dir, "$DIR"))
	return nil
}

// parseAnswer takes from a kubelet's log what it would have run with, or why it
// would not:
//
//	I1123 06:50:59.299292   25658 server.go:257] "Effective KubeletConfiguration" config=<
//		address: 0.0.0.0
//		…
//	 >
//	E1123 06:50:59.300477   25658 run.go:72] "command failed" err="failed to validate …"
func parseAnswer(log []byte) (effective json.RawMessage, refused string, err error) {
	reason, err := failure(log)
	if err != nil {
		return nil, "", err
	}
	only := "failed to validate kubelet configuration, error: " + complaint + ", path: "
	if !strings.HasPrefix(reason, only) {
		return nil, reason, nil
	}
	_, after, ok := bytes.Cut(log, []byte("\"Effective KubeletConfiguration\" config=<\n"))
	text, _, closed := bytes.Cut(after, []byte("\n >"))
	if !ok || !closed {
		return nil, "", fmt.Errorf("there is no effective configuration in\n%s", log)
	}
	effective, err = pick(bytes.ReplaceAll(append([]byte("\n"), text...), []byte("\n\t"), []byte("\n")))
	return effective, "", err
}

// shorten leaves of a refusal what a reader of the record needs.
func shorten(reason string) string {
	reason, _, _ = strings.Cut(reason, ", path: &TypeMeta")
	reason = strings.NewReplacer(", "+complaint, "", complaint+", ", "").Replace(reason)
	if runes := []rune(reason); len(runes) > 300 {
		reason = string(runes[:300]) + "…"
	}
	return reason
}

// fields are those that the product reads.
var fields = []string{
	"evictionHard", "evictionSoft", "evictionSoftGracePeriod", "evictionMinimumReclaim", "evictionPressureTransitionPeriod",
	"imageGCHighThresholdPercent", "imageGCLowThresholdPercent", "enforceNodeAllocatable",
	"cgroupRoot", "cgroupsPerQOS", "cgroupDriver", "containerRuntimeEndpoint", "featureGates",
}

func pick(text []byte) (json.RawMessage, error) {
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	picked := make(map[string]any)
	for _, name := range fields {
		if value, ok := all[name]; ok {
			picked[name] = value
		}
	}
	return json.Marshal(picked)
}

var (
	quoted = regexp.MustCompile(`(?m)"command failed" err=("(?:[^"\\]|\\.)*")$`)
	block  = regexp.MustCompile(`(?s)"command failed" err=<\n(.*?)\n >`)
)

// failure returns the kubelet's last words.
func failure(log []byte) (string, error) {
	if m := quoted.FindSubmatch(log); m != nil {
		return strconv.Unquote(string(m[1]))
	}
	if m := block.FindSubmatch(log); m != nil {
		return strings.ReplaceAll(strings.TrimPrefix(string(m[1]), "\t"), "\n\t", "\n"), nil
	}
	return "", fmt.Errorf("the kubelet does not say why it ended:\n%s", log)
}

// AskAll asks about each of the cases, a few at a time.
func AskAll(ctx context.Context, kubelet string, cases []Case) error {
	const workers = 4
	next := make(chan *Case)
	failed := make(chan error, workers)
	for range workers {
		go func() {
			var err error
			for c := range next {
				if err == nil {
					err = c.Ask(ctx, kubelet)
				}
			}
			failed <- err
		}()
	}
	for i := range cases {
		next <- &cases[i]
	}
	close(next)
	var errs []error
	for range workers {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}
