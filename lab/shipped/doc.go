// Package shipped holds what this repository ships for other programs (rules,
// dashboards, configurations, units) against those programs and against the
// metrics that the two real binaries publish.
//
// A [Vocabulary] is what can be asked for: every metric with its labels and
// their values. [Vocabulary.Check] parses an expression with Prometheus's own
// parser and names each word of it that the vocabulary does not have. A metric
// that was renamed in the code and not in a dashboard, or a label that is
// misspelt, yields no error in Prometheus or Grafana, only an alert that never
// fires and a panel without data: here it fails a test.
package shipped
