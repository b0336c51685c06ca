// Package pod applies deploy/kubernetes to a real API server and looks at the pod
// that a real kubelet makes of it (tag e2e; root): what it shows, what it can
// reach, and what it may ask.
package pod
