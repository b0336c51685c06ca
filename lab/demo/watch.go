package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/relocate"
)

// watched is the signal that the show is about: on a node with one disk, imagefs's
// threshold is met before nodefs's.
const watched = headroom.ImageFSAvailable

// A watch looks at everything that takes part, each thing where it is certain:
// alerts at Prometheus and Alertmanager, what was done in the remediator's
// record, and the disk itself by statfs.
type watch struct {
	*timeline
	parts         *parts
	start, target float64 // the policy's

	mu        sync.Mutex
	threshold int64
	least     int64 // bytes of headroom there were at the least
}

// A look is repeated as long as the show lasts. What it cannot see now it may see
// next time: that a program died is found out elsewhere.
type look struct {
	every time.Duration
	look  func(context.Context)
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) {
	looks := []look{
		{100 * time.Millisecond, w.disk()},
		{250 * time.Millisecond, w.prometheus},
		{250 * time.Millisecond, w.alertmanager()},
		{400 * time.Millisecond, w.record()},
	}
	var together sync.WaitGroup
	for _, l := range looks {
		together.Go(func() {
			ticks := time.NewTicker(l.every)
			defer ticks.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticks.C:
					l.look(ctx)
				}
			}
		})
	}
	together.Wait()
}

// disk looks at the files and then, as the kubelet does, at the disk.
func (w *watch) disk() func(context.Context) {
	files := list(w.parts.node.logs())
	return func(context.Context) {
		w.flush(time.Now().Add(-settling))
		files = w.logs(files)
		w.level()
	}
}

// level asks the disk how much is available, and moves the gauge.
func (w *watch) level() {
	space, err := w.parts.node.disk.Space()
	if err != nil {
		return
	}
	now := time.Now()
	w.mu.Lock()
	g := gauge{signal: string(watched), available: space.Available, capacity: space.Capacity, threshold: w.threshold, start: w.start, target: w.target}
	if g.threshold > 0 {
		w.least = min(w.least, g.headroom())
	}
	w.mu.Unlock()
	w.screen.show(frame{gauge: g, at: now.Sub(w.began), doing: w.awaits()})
	if g.threshold == 0 {
		return
	}
	ratio := g.ratio(g.headroom())
	if ratio < w.start {
		w.happen(crossed, now, "headroom %s is below %s", percent(ratio), percent(w.start))
	}
	if w.has(crossed) && ratio >= w.target {
		w.happen(restored, now, "headroom %s, %s", percent(ratio), size(g.headroom()))
	}
}

// prometheus asks for the threshold, until it is there, and for the alerts.
func (w *watch) prometheus(ctx context.Context) {
	if !w.has(measured) {
		w.measure(ctx)
		return
	}
	var answer struct {
		Data struct {
			Groups []struct{ Rules []rule }
		}
	}
	if get(ctx, "http://"+w.parts.at.prometheus+"/api/v1/rules?type=alert", &answer) != nil {
		return
	}
	for _, group := range answer.Data.Groups {
		for _, r := range group.Rules {
			w.rule(r)
		}
	}
}

// A rule is an alerting rule as Prometheus tells of it.
type rule struct {
	Name           string
	LastEvaluation time.Time
	Alerts         []struct {
		Labels   map[string]string
		State    string
		ActiveAt time.Time
	}
}

func (w *watch) rule(r rule) {
	for _, a := range r.Alerts {
		if a.Labels["signal"] != string(watched) {
			continue
		}
		switch a.State {
		case "pending":
			w.happen(pending, a.ActiveAt, "%s", r.Name)
		case "firing":
			w.happen(firing, r.LastEvaluation, "%s, %s", r.Name, a.Labels["severity"])
		}
	}
}

func (w *watch) measure(ctx context.Context) {
	query := fmt.Sprintf("max(headroom_threshold_bytes{signal=%q, eviction=\"hard\"}) and max(node_signal:headroom_ratio:min{signal=%q})", watched, watched)
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any
			}
		}
	}
	err := get(ctx, "http://"+w.parts.at.prometheus+"/api/v1/query?query="+url.QueryEscape(query), &answer)
	if err != nil || len(answer.Data.Result) == 0 {
		return
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	threshold, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return
	}
	w.mu.Lock()
	w.threshold = int64(threshold)
	w.mu.Unlock()
	w.happen(measured, time.Now(), "the kubelet would evict below %s", size(int64(threshold)))
}

// alertmanager asks for the alerts that have not been resolved.
func (w *watch) alertmanager() func(context.Context) {
	seen := false
	return func(ctx context.Context) {
		var alerts []struct{ Labels map[string]string }
		if get(ctx, "http://"+w.parts.at.alertmanager+"/api/v2/alerts", &alerts) != nil {
			return
		}
		has := false
		for _, a := range alerts {
			has = has || a.Labels["signal"] == string(watched)
		}
		seen = seen || has
		if seen && !has {
			w.happen(resolved, time.Now(), "Alertmanager has it no more")
		}
	}
}

// record reads the remediator's own account, as a person would: with show.
func (w *watch) record() func(context.Context) {
	told := account{short: w.parts.node.short}
	return func(ctx context.Context) {
		if !w.has(firing) {
			return
		}
		out, err := exec.CommandContext(ctx, w.parts.binaries.remediator, "show", string(watched), "-o", "json",
			"--journal.file="+w.parts.journal(), "--node.name="+relocate.Node).Output()
		if err != nil {
			return
		}
		var c headroom.Case
		if json.Unmarshal(out, &c) == nil {
			told.tell(w.timeline, &c)
		}
	}
}

// get asks url for JSON.
func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
