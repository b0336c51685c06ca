// Package e2e holds Headroom's programs, as they are built and started by
// everybody, against real kubelets on real filesystems (tag e2e; root).
package e2e
