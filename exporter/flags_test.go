package exporter

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

func TestProgramThatCannotRunSaysWhichFlagIsToBlame(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a port in use":             {[]string{"--web.listen-address=" + taken.Addr().String()}, "--web.listen-address: listen tcp " + taken.Addr().String() + ": bind: address already in use"},
		"a web configuration gone":  {[]string{"--web.config.file=/absent"}, "--web.config.file: "},
		"a web configuration wrong": {[]string{"--web.config.file=" + file(t, "tls: yes\n")}, "field tls not found"},
		"an unknown flag":           {[]string{"--path.rootfs=/"}, "--path.rootfs"},
		"an argument":               {[]string{"measure"}, "unexpected measure"},
		"a timeout of nothing":      {[]string{"--path.timeout=0s"}, "--path.timeout: 0s"},
		"no address from systemd":   {[]string{"--web.systemd-socket"}, "--web.systemd-socket: no socket activation"},
		"no path of nodefs":         {[]string{"--path.nodefs="}, "--path.nodefs: "},
		"no path of imagefs":        {[]string{"--path.imagefs="}, "--path.imagefs: "},
		"no path of procfs":         {[]string{"--path.procfs="}, "--path.procfs: "},
		"no path of cgroups":        {[]string{"--path.cgroup="}, "--path.cgroup: "},
		"too many consumers":        {[]string{"--consumers=101"}, "--consumers: 101 is not between 0 and 100"},
		"fewer consumers than none": {[]string{"--consumers=-1"}, "--consumers: -1 is not between"},
		"a summary a second":        {[]string{"--kubelet.summary-interval=1s"}, "--kubelet.summary-interval: 1s is not between 30s and 10m0s"},
		"a summary a day":           {[]string{"--kubelet.summary-interval=24h"}, "--kubelet.summary-interval: 24h0m0s is not between"},
		"metrics all the time":      {[]string{"--kubelet.metrics-interval=1s"}, "--kubelet.metrics-interval: 1s is not between 10s and 10m0s"},
		"metrics hardly ever":       {[]string{"--kubelet.metrics-interval=1h"}, "--kubelet.metrics-interval: 1h0m0s is not between"},
		"a runtime far away":        {[]string{"--runtime.endpoint=tcp://10.0.0.1:1"}, `--runtime.endpoint: "tcp://10.0.0.1:1"`},
		"a format nobody knows":     {[]string{"check", "--output=xml"}, "table,json"},
		"a flag of check":           {[]string{"--output=json"}, "output"},
		"a busy interval":           {[]string{"--kubelet.interval=1ms"}, "--kubelet.interval: 1ms"},
		"an interval beyond memory": {[]string{"--kubelet.interval=1h"}, "--kubelet.interval: 1h"},
		"a URL without a scheme":    {[]string{"--kubelet.url=localhost:10250"}, `"localhost:10250"`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			err := Run(t.Context(), append([]string{"--web.listen-address=127.0.0.1:0"}, c.args...), &stdout, &stderr)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestProgramAnswersHelpAndVersion(t *testing.T) {
	for arg, want := range map[string]string{"--help": "--path.nodefs", "--version": "headroom-exporter, version"} {
		var stdout, stderr bytes.Buffer
		if err := Run(t.Context(), []string{arg}, &stdout, &stderr); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: stdout %q, stderr %q", arg, stdout.String(), stderr.String())
		}
	}
}
