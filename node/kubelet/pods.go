package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nodeheadroom/headroom/node"
)

// podsPath is where a kubelet serves the pods that are bound to it. Reading it
// needs "get" on nodes/pods.
const podsPath = "/pods"

// maxPods bounds the list, of which a pod may take a megabyte but takes some
// kilobytes. It is read a pod at a time.
const maxPods = 64 << 20

// Pods lists the pods that are bound to the node, whether they run yet or not, as
// its kubelet has them: a moment after the API server at most, and without the API
// server after a restart none but static ones. It needs "get" on nodes/pods.
func (v *Viewer) Pods(ctx context.Context) ([]node.Pod, error) {
	pods, err := v.client.pods(ctx)
	if err != nil {
		v.client.forget() // files that changed are read again
	}
	return pods, err
}

func (c *client) pods(ctx context.Context) ([]node.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := c.get(ctx, podsPath)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	pods, err := parsePods(&bounded{answer.Body, maxPods})
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", c.base, podsPath, err)
	}
	return pods, nil
}

// parsePods reads a kubelet's answer to /pods to its end:
//
//	{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{…},"spec":{…},"status":{…}},…]}
//
// without pods items is null. Half a list would be worse than none.
func parsePods(r io.Reader) ([]node.Pod, error) {
	dec := json.NewDecoder(r)
	l := podList{dec: dec}
	if err := l.object(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("not a kubelet's pods: %w", err)
	}
	switch _, err := dec.Token(); {
	case err == nil:
		return nil, errors.New("not a kubelet's pods: something follows the list")
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("not a kubelet's pods: %w", err)
	case l.kind != "PodList" || !l.items:
		return nil, fmt.Errorf("not a kubelet's pods: kind %q where PodList with items is wanted", l.kind)
	}
	return l.pods, nil
}

// A podList is one on its way.
type podList struct {
	dec   *json.Decoder
	kind  string
	items bool // they were seen
	pods  []node.Pod
}

func (l *podList) object() error {
	if err := l.expect('{'); err != nil {
		return err
	}
	for l.dec.More() {
		name, err := l.dec.Token()
		if err != nil {
			return err
		}
		switch name {
		case "kind":
			err = l.dec.Decode(&l.kind)
		case "items":
			if l.items {
				return errors.New("it has items twice")
			}
			l.items = true
			err = l.array()
		default:
			err = l.dec.Decode(new(json.RawMessage))
		}
		if err != nil {
			return err
		}
	}
	return l.expect('}')
}

func (l *podList) array() error {
	begin, err := l.dec.Token()
	if err != nil || begin == nil { // null
		return err
	}
	if begin != json.Delim('[') {
		return fmt.Errorf("items: %v where a list is wanted", begin)
	}
	for l.dec.More() {
		var p podObject
		if err := l.dec.Decode(&p); err != nil {
			return fmt.Errorf("items[%d]: %w", len(l.pods), err)
		}
		if p.Metadata.UID == "" || p.Metadata.Name == "" || len(p.Spec.Containers) == 0 {
			return fmt.Errorf("items[%d]: a pod without UID, name or containers", len(l.pods))
		}
		l.pods = append(l.pods, p.pod())
	}
	return l.expect(']')
}

func (l *podList) expect(want json.Delim) error {
	got, err := l.dec.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %s is wanted", got, want)
	}
	return err
}

// A podObject is what counts here of a Pod of the API.
type podObject struct {
	Metadata struct {
		Name, Namespace, UID string
		Annotations          map[string]string
	}
	Spec struct {
		Containers, InitContainers, EphemeralContainers []struct{ Image string }
		Volumes                                         []struct {
			Image *struct{ Reference string }
		}
	}
	Status struct{ Phase string }
}

func (p *podObject) pod() node.Pod {
	var images []string
	add := func(image string) {
		if image != "" && !slices.Contains(images, image) {
			images = append(images, image)
		}
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers, p.Spec.EphemeralContainers) {
		add(c.Image)
	}
	for _, v := range p.Spec.Volumes {
		if v.Image != nil {
			add(v.Image.Reference)
		}
	}
	return node.Pod{
		Namespace:   p.Metadata.Namespace,
		Name:        p.Metadata.Name,
		UID:         p.Metadata.UID,
		Images:      images,
		Over:        p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed",
		Annotations: p.Metadata.Annotations,
	}
}
