// Package kubelet finds the eviction thresholds a node's kubelet runs with, and what
// the kubelet itself sees of its node.
//
// A Source looks for thresholds in several places, the best first:
//
//   - configz: the running kubelet's /configz, its own word. It leaves out what only
//     the command line says: the root directory, and whether the pods' cgroup has a
//     threshold at all.
//   - flags: the running kubelet's command line with the configuration file and the
//     drop-ins that this names, put together as a kubelet of that release does.
//     Files that changed since the kubelet started, but before we first looked, are
//     taken for what it runs with: /configz alone knows better.
//   - files: a KubeletConfiguration file, as a kubelet would read it that has no
//     drop-ins and no flags.
//   - log: the line with the hard thresholds that kubelets write when they start.
//   - assumed: a KubeletConfiguration file where there is no kubelet.
//
// A Viewer asks the running kubelet for what it sees itself: its figures for the
// signals, who uses what, and how many pods it has evicted.
//
// Nothing here is on the path of a scrape or of a decision: a Source reads in the
// background and hands out what it read last. No program is run, nothing is
// written, and of files that a process names only regular ones are opened.
package kubelet
