// Command vacuum runs the remedy journal-vacuum on the machine it is on, until the
// disk of the journal has as many bytes available, and says what it did as JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"

	"gopkg.in/yaml.v3"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/lab/disk"
	"github.com/nodeheadroom/headroom/remediator/remedy"
)

const journal = "/var/log/journal"

// A report is what the command says.
type report struct {
	Plan    []string
	Notes   []string
	Removed headroom.Amount
}

func main() {
	planOnly := flag.Bool("plan", false, "plan, and do nothing")
	socket := flag.String("socket", "/run/systemd/journal/io.systemd.journal", "where journald speaks varlink")
	flag.Parse()
	n := remedy.Node{Name: "machine", Proc: "/proc", JournalRoots: []string{journal}, JournalSocket: *socket}
	r, err := run(n, flag.Arg(0), flag.Arg(1), *planOnly)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vacuum:", err)
		os.Exit(1)
	}
}

func run(n remedy.Node, keys, wanted string, planOnly bool) (report, error) {
	var r report
	ctx := context.Background()
	available, err := strconv.ParseInt(wanted, 10, 64)
	if err != nil {
		return r, err
	}
	missing := func(context.Context) (int64, error) {
		s, err := disk.Stat(journal)
		return available - s.Available, err
	}
	vacuum, err := remedy.JournalVacuum{}.Configure(func(into any) error { return yaml.Unmarshal([]byte(keys), into) })
	if err != nil {
		return r, err
	}
	need, err := needOf(missing(ctx))
	if err != nil {
		return r, err
	}
	plan, err := vacuum.Plan(ctx, n, need)
	if err != nil {
		return r, err
	}
	for _, item := range plan.Items {
		r.Plan = append(r.Plan, item.Does+" "+item.What)
	}
	r.Notes = plan.Notes
	if planOnly {
		return r, nil
	}
	notes, err := vacuum.Apply(ctx, n, plan, remedy.Run{
		Missing: missing,
		Removed: func(_ remedy.Item, a headroom.Amount) { r.Removed = r.Removed.Add(a) },
	})
	r.Notes = append(r.Notes, notes...)
	return r, err
}

func needOf(amount int64, err error) (remedy.Need, error) {
	if err != nil {
		return remedy.Need{}, err
	}
	at, err := disk.Of(journal)
	if err != nil {
		return remedy.Need{}, err
	}
	return remedy.Need{Signal: headroom.NodeFSAvailable, Disk: at, Amount: amount}, nil
}
