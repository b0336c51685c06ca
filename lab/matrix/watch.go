package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nodeheadroom/headroom/lab/cluster"
)

// A watch is what is seen of a play from outside: of the API server, the kubelet and
// the disk, not of our own programs. It is for one goroutine.
type watch struct {
	stand     *stand
	start     float64 // headroom ratio below which the remediator may act
	threshold int64
	capacity  int64
	began     time.Time // the fill
	pods      map[string]seen
	pressure  time.Time // DiskPressure, first; zero if never
	samples   []sample
	problems  map[string]string // what could not be seen, and when first
}

// A sample is what was available of the disk.
type sample struct {
	at        time.Duration // since the fill began
	available int64
}

// seen is a pod that is to come through.
type seen struct {
	name, app string
	cause     string // why it has not
	at        time.Duration
}

const (
	often = 250 * time.Millisecond // the disk
	less  = time.Second            // the API server, and logs
)

// newWatch looks at what must come through.
func newWatch(ctx context.Context, s *stand) (*watch, error) {
	w := &watch{stand: s, start: s.lab.shipped.start, pods: make(map[string]seen), problems: make(map[string]string)}
	var err error
	if w.threshold, err = s.threshold(); err != nil {
		return nil, err
	}
	if _, w.capacity, err = s.level(); err != nil {
		return nil, err
	}
	for _, workload := range s.workloads() {
		pods, err := s.lab.cluster.PodsOf(ctx, workload)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			w.pods[pod.Metadata.UID] = seen{name: pod.Metadata.Name, app: workload.Name}
			if cause := harmed(pod, workload.Name); cause != "" {
				return nil, fmt.Errorf("before the fill, %s: %s", pod.Metadata.Name, cause)
			}
		}
	}
	return w, nil
}

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) {
	disk, api := time.NewTicker(often), time.NewTicker(less)
	defer disk.Stop()
	defer api.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-disk.C:
			w.noting(ctx, "the disk", w.disk())
		case <-api.C:
			w.noting(ctx, "the API server", w.api(ctx))
			w.noting(ctx, "logs", w.stand.logs.look())
		}
	}
}

// unwatched is how a note says that something is not known.
const unwatched = "could not be watched"

// noting keeps the first of each kind of trouble with watching itself.
func (w *watch) noting(ctx context.Context, what string, err error) {
	if _, known := w.problems[what]; err == nil || known || ctx.Err() != nil {
		return
	}
	w.problems[what] = fmt.Sprintf("%s %s at %.0f s: %v", what, unwatched, time.Since(w.began).Seconds(), err)
}

func (w *watch) disk() error {
	available, _, err := w.stand.level()
	if err == nil {
		w.samples = append(w.samples, sample{time.Since(w.began), available})
	}
	return err
}

func (w *watch) api(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	node, err := w.stand.node.Object(ctx)
	if err != nil {
		return err
	}
	if node.Condition("DiskPressure").Status == "True" && w.pressure.IsZero() {
		w.pressure = time.Now()
	}
	pods, err := w.stand.lab.cluster.Pods(ctx, "metadata.namespace="+w.stand.namespace())
	if err != nil {
		return err
	}
	w.see(pods)
	return nil
}

// see notes the first harm of each pod.
func (w *watch) see(pods []cluster.Pod) {
	now := make(map[string]cluster.Pod, len(pods))
	for _, pod := range pods {
		now[pod.Metadata.UID] = pod
	}
	for uid, was := range w.pods {
		pod, there := now[uid]
		cause := harmed(pod, was.app)
		if !there {
			cause = "gone"
		}
		if was.cause == "" && cause != "" {
			was.cause, was.at = cause, time.Since(w.began)
			w.pods[uid] = was
		}
	}
}

// harmed says what a pod of a Deployment has suffered, by whatever cause; "" is
// nothing. An offender may crash by itself.
func harmed(pod cluster.Pod, app string) string {
	if pod.Evicted() {
		return "evicted: " + pod.Status.Message
	}
	if app == "offender" {
		return ""
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.RestartCount > 0 {
			return fmt.Sprintf("container %s was restarted", c.Name)
		}
	}
	if !pod.Ready() {
		return "not Ready: " + pod.Status.Phase
	}
	return ""
}

// losses are the pods of a Deployment that did not come through.
func (w *watch) losses(app string) []loss {
	var all []loss
	for _, pod := range w.pods {
		if pod.app == app && pod.cause != "" {
			all = append(all, loss{pod.name, pod.cause, round(pod.at)})
		}
	}
	return all
}

// ratio is headroom as a share of the capacity.
func (w *watch) ratio(available int64) float64 {
	return float64(available-w.threshold) / float64(w.capacity)
}

// round makes seconds of a duration, to a tenth.
func round(d time.Duration) float64 {
	return float64(d.Round(100*time.Millisecond)) / float64(time.Second)
}
