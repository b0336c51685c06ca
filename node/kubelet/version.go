package kubelet

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
)

// askVersion asks the running kubelet for its version; /configz does not tell.
// It needs "get" on nodes/metrics.
func (c *client) askVersion(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := c.get(ctx, "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return parseVersion(io.LimitReader(answer.Body, 4*maxSize))
}

// parseVersion takes the version from a kubelet's metrics:
//
//	kubernetes_build_info{build_date="…",git_version="v1.37.2",…} 1
//	                                                  ^^^^^^^
func parseVersion(r io.Reader) (string, error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if labels, ok := strings.CutPrefix(line, "kubernetes_build_info{"); ok {
			_, after, _ := strings.Cut(labels, `git_version="`)
			if version, _, ok := strings.Cut(after, `"`); ok {
				return version, nil
			}
		}
		if err != nil {
			return "", errors.New("no kubernetes_build_info with a git_version")
		}
	}
}
