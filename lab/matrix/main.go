// Command matrix plays incidents on real nodes, without the remediator and with it,
// and prints what became of every pod: the table of the README.
//
// Run it with make matrix. Every play is kept as soon as it is over, in
// lab/matrix/results, and not played again while neither what takes part in it nor
// its row has changed: a matrix that is interrupted goes on where it was.
// ROWS=logs,journal/two chooses rows by the beginning of their names.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/nodeheadroom/headroom/lab/cluster"
	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/tools"
)

type options struct {
	rows    string
	results string
	force   bool
	table   bool   // and nothing else
	only    string // plays "with" the remediator, or "without"
	atOnce  int
	plays   int
}

func main() {
	var o options
	flag.StringVar(&o.rows, "rows", "", "rows to play, by the beginnings of their names, with commas between; all if empty")
	flag.StringVar(&o.results, "results", "lab/matrix/results", "where results are kept")
	flag.BoolVar(&o.force, "force", false, "play also what is kept")
	flag.BoolVar(&o.table, "table", false, "only print the table of what is kept")
	flag.StringVar(&o.only, "only", "", "play only what goes \"with\" the remediator, or what goes \"without\"")
	flag.IntVar(&o.atOnce, "at-once", 6, "how many nodes play at once")
	flag.IntVar(&o.plays, "plays", plays, "how many plays of each row to have, at most")
	flag.Parse()
	if o.only != "" && o.only != "with" && o.only != "without" {
		os.Exit(code(fmt.Errorf(`-only %q: say "with" or "without"`, o.only)))
	}
	if o.table {
		os.Exit(code(show(o, os.Stdout)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// The namespaces of the lab have no network: all must be built before.
	if err := tools.Build(ctx, theirs, os.Stderr); err != nil {
		os.Exit(code(err))
	}
	os.Exit(cluster.Main(func() int { return code(run(ctx, o, os.Stdout)) }))
}

func code(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		return 1
	}
	return 0
}

// run plays what is missing and prints the table.
func run(ctx context.Context, o options, out io.Writer) error {
	root, all, kept, err := o.open()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "headroom-matrix-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := openLab(ctx, root, dir)
	if err != nil {
		return err
	}
	var parts []part
	for _, p := range missing(all, kept, l.inputs, o.force) {
		if p.play <= o.plays && (o.only == "" || o.only == p.how()) {
			parts = append(parts, p)
		}
	}
	fmt.Fprintf(out, "%d rows; %d plays to play, %d at once. What differs from what is shipped: %s\n", len(all), len(parts), o.atOnce, differs)
	err = l.conduct(ctx, parts, o.atOnce, kept, out)
	fmt.Fprintln(out)
	newTable(all, kept, l.shipped, l.inputs).write(out)
	return err
}

// open returns the repository's root, the rows that were chosen and what is kept.
func (o options) open() (root string, all []row, kept *results, err error) {
	if root, err = product.Root(); err != nil {
		return "", nil, nil, err
	}
	if all, err = choose(rows(), o.rows); err != nil {
		return "", nil, nil, err
	}
	kept, err = openResults(o.results)
	return root, all, kept, err
}

// show prints the table of what is kept.
func show(o options, out io.Writer) error {
	root, all, kept, err := o.open()
	if err != nil {
		return err
	}
	s, err := readShipped(root)
	if err != nil {
		return err
	}
	now, err := built(root)
	if err != nil {
		return err
	}
	newTable(all, kept, s, now).write(out)
	return nil
}

// built are the inputs as they would be played now.
func built(root string) (inputs, error) {
	dir, err := os.MkdirTemp("", "headroom-matrix-")
	if err != nil {
		return inputs{}, err
	}
	defer os.RemoveAll(dir)
	exporter, err := product.Build(context.Background(), dir, "headroom-exporter")
	if err != nil {
		return inputs{}, err
	}
	remediator, err := product.Build(context.Background(), dir, "headroom-remediator")
	if err != nil {
		return inputs{}, err
	}
	return readInputs(root, exporter, remediator)
}

// choose returns the rows whose names begin with one of the words.
func choose(all []row, words string) ([]row, error) {
	if words == "" {
		return all, nil
	}
	var chosen []row
	for _, r := range all {
		for word := range strings.SplitSeq(words, ",") {
			if strings.HasPrefix(r.name(), strings.TrimSpace(word)) {
				chosen = append(chosen, r)
				break
			}
		}
	}
	if len(chosen) == 0 {
		var names []string
		for _, r := range all {
			names = append(names, r.name())
		}
		return nil, fmt.Errorf("no row begins with %q: there are %s", words, strings.Join(names, ", "))
	}
	return chosen, nil
}
