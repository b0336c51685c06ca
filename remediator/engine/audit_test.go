package engine

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	headroom "github.com/nodeheadroom/headroom"
)

func TestALineOfTheAuditListIsWhatJSONMakesOfIt(t *testing.T) {
	for _, what := range []string{
		"/var/log/pods/a_b_c/d/0.log.20260102-150405", "", `a "quoted" name`, `back\slash`, "<script>&", "line\nend", "ümlaut\u2028", "\xff", "\x7f",
	} {
		line := auditLine{
			At: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Episode: "nodefs.available-1", Remedy: "log-reclaim", Did: "remove", What: what,
			Amount: headroom.Amount{Bytes: 4096, Inodes: -1},
		}
		want, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want)+"\n", string(appendLine(nil, line))); diff != "" {
			t.Error(diff)
		}
	}
}
