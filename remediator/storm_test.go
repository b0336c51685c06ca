package remediator

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	headroom "github.com/nodeheadroom/headroom"
)

const (
	stormNodes       = 2000
	stormConnections = 20
	storms           = 10
	// What a process's memory may differ by without having grown, for the garbage
	// collector decides when pages go back. The nodes' names alone, kept from nine
	// storms, would be 4 MiB and twice that of heap.
	slack = 4 * mebi
)

// However many nodes alert at once, whoever they are: nothing is done, the others
// are counted one by one, and no storm leaves anything in memory. That the breaker
// is open outlives a kill, and once it closes only what is delivered again counts.
func TestAStormOfTwoThousandNodes(t *testing.T) {
	m := newMachine(t)
	rotated := m.full()
	policy, err := os.ReadFile(m.path("policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("policy.yaml", string(policy)+"breaker: {within: 10s}\n", 0o644)
	binary := build(t)
	p := m.spawn(binary)

	p.storm(0, 1)
	after := p.resident()
	for n := range storms - 2 {
		p.storm(n+1, 1)
	}
	p.storm(storms-1, stormNodes/stormConnections)
	if now := p.resident(); now > after+slack {
		t.Errorf("after %d storms %d bytes are resident, after one %d", storms, now, after)
	} else {
		t.Logf("resident after one storm %.1f MiB, after %d %.1f MiB", float64(after)/mebi, storms, float64(now)/mebi)
	}
	_, metrics := p.get("/metrics")
	for _, want := range []string{
		fmt.Sprintf(`headroom_remediation_alerts_total{outcome="other_node"} %d`, storms*(stormNodes-1)),
		fmt.Sprintf(`headroom_remediation_alerts_total{outcome="accepted"} %d`, storms),
		`headroom_remediation_breaker_open 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics have no line %q:\n%s", want, grep(metrics, "headroom_remediation_alerts_total", "breaker_open"))
		}
	}

	p.end(syscall.SIGKILL)
	p = m.spawn(binary)
	until(t, "the breaker closes", p.stderr.String, func() bool { return strings.Contains(p.stderr.String(), "Breaker closes") })
	ep := m.over(headroom.NodeFSAvailable)
	if ep.Outcome != headroom.Expired || len(ep.Rungs) != 0 {
		t.Errorf("the storm's episode is %s: %s, with rungs %+v", ep.Outcome, ep.Detail, ep.Rungs)
	}
	for i, there := range exists(rotated...) {
		if !there {
			t.Errorf("log %d was removed", i)
		}
	}
	if cases := m.list(); len(cases) != 1 || len(cases[0].Episodes) != 1 {
		t.Errorf("the storm left %+v", cases)
	}

	if !p.offer(stormy("node-1")) {
		t.Fatal("the alert was not accepted")
	}
	until(t, "another episode has made room", p.stderr.String, func() bool {
		last := m.list()[0].Last()
		return last.ID != ep.ID && last.Outcome == headroom.Succeeded
	})
}

// storm delivers an alert of each of 2,000 nodes over 20 connections, so many in
// a request, as fast as they are taken. No two storms share a node but ours, and
// names are as long as they may be. Ours is in the middle of it: before, it
// would be one of few.
func (p *process) storm(which, together int) {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: stormConnections, MaxConnsPerHost: stormConnections}}
	defer client.CloseIdleConnections()
	bodies := make(chan string)
	began := time.Now()
	var all sync.WaitGroup
	for range stormConnections {
		all.Go(func() {
			for body := range bodies {
				if code, err := p.deliver(client, body); err != nil || code != http.StatusAccepted {
					p.t.Errorf("answered %d, %v", code, err)
				}
			}
		})
	}
	for n := 0; n < stormNodes; n += together {
		var nodes []string
		for i := range together {
			if name := fmt.Sprintf("other-%0240d", which*stormNodes+n+i); n+i == stormNodes/2 {
				nodes = append(nodes, "node-1")
			} else {
				nodes = append(nodes, name)
			}
		}
		bodies <- stormy(nodes...)
	}
	close(bodies)
	all.Wait()
	p.t.Logf("%d alerts, %d in a request, in %.2f s", stormNodes, together, time.Since(began).Seconds())
}

func (p *process) deliver(client *http.Client, body string) (int, error) {
	r, err := http.NewRequest(http.MethodPost, p.url+"/api/v1/alerts", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// stormy is a group with an alert of each of those nodes.
func stormy(nodes ...string) string {
	one := alerts(headroom.NodeFSAvailable)
	begin := strings.Index(one, `"alerts":[`) + len(`"alerts":[`)
	alert := strings.TrimSuffix(one[begin:], "]}")
	var all []string
	for _, n := range nodes {
		all = append(all, strings.Replace(alert, `"node":"node-1"`, fmt.Sprintf(`"node":%q`, n), 1))
	}
	return one[:begin] + strings.Join(all, ",") + "]}"
}

// resident is how much memory the process has, in bytes:
//
//	VmRSS:	   19520 kB
func (p *process) resident() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, found := bytes.Cut(status, []byte("\nVmRSS:"))
	size, _, kB := bytes.Cut(rest, []byte(" kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 10, 64)
	if !found || !kB || err != nil {
		p.t.Fatalf("no VmRSS in %s", status)
	}
	return n << 10
}

// grep returns the samples whose line contains one of the words.
func grep(text string, words ...string) string {
	var found []string
	for line := range strings.Lines(text) {
		for _, w := range words {
			if strings.Contains(line, w) && !strings.HasPrefix(line, "#") {
				found = append(found, line)
			}
		}
	}
	return strings.Join(found, "")
}
