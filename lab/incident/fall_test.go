package incident

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
)

// begin is when the recorded fall begins: from 700 to 100 within a minute, five
// of noise up or down, scraped every five seconds.
var begin = time.Unix(1_800_000_000, 0)

func recording() Fall {
	f := Fall{Begin: begin, Met: begin.Add(time.Minute)}
	s := &model.SampleStream{Metric: model.Metric{"__name__": "left", "signal": "x"}}
	for i, at := 0, -time.Minute; at < 80*time.Second; i, at = i+1, at+5*time.Second {
		value := math.Min(700, 700-10*at.Seconds()) + []float64{5, -5, -5, 5}[i%4]
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(begin.Add(at).UnixNano()), Value: model.SampleValue(value)})
	}
	f.Recording = model.Matrix{s}
	return f
}

func TestAFallIsStretched(t *testing.T) {
	for sentence, c := range map[string]struct {
		plan Plan
		want string
	}{
		"the fall takes as long as it is told": {
			Plan{Takes: 4 * time.Minute, Scrape: 20 * time.Second},
			"705 645 595 555 505 445 395 355 305 245 195 155",
		},
		"at its own pace it is what it was": {
			Plan{Takes: time.Minute, Scrape: 5 * time.Second},
			"705 645 595 555 505 445 395 355 305 245 195 155",
		},
		"before it is quiet": {
			Plan{Quiet: 40 * time.Second, Takes: time.Minute, Scrape: 20 * time.Second},
			"705 695 695 505 305",
		},
		"scrapes that are late have gaps between them": {
			Plan{Takes: time.Minute, Scrape: 20 * time.Second, Late: 2 * time.Second},
			"_x2 685 _x19 475 _x19 275",
		},
		"what is left out changes nothing of the rest": {
			Plan{Takes: time.Minute, Scrape: 20 * time.Second, Late: 2 * time.Second, From: 10 * time.Second},
			"_x12 475 _x19 275",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			series := recording().Stretch(c.plan)
			if len(series) != 1 || series[0].Name != `left{signal="x"}` {
				t.Fatalf("stretched to %v", series)
			}
			if diff := cmp.Diff(strings.Fields(c.want), rounded(series[0].Values)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

// rounded leaves out what least squares add in the last digits.
func rounded(values string) []string {
	words := strings.Fields(values)
	for i, word := range words {
		if value, err := strconv.ParseFloat(word, 64); err == nil {
			words[i] = fmt.Sprintf("%.0f", value)
		}
	}
	return words
}

func TestASeriesThatBeganMeanwhileIsLeftOut(t *testing.T) {
	f := recording()
	f.Recording[0].Values = slices.DeleteFunc(f.Recording[0].Values, func(s model.SamplePair) bool {
		return s.Timestamp.Time().Before(begin)
	})
	if got := f.Stretch(Plan{Takes: time.Minute, Scrape: time.Second}); len(got) > 0 {
		t.Errorf("stretched to %v", got)
	}
}

func TestAValueThatStaysIsTheSameToTheBit(t *testing.T) {
	f := recording()
	for i := range f.Recording[0].Values {
		f.Recording[0].Values[i].Value = 107374182.4
	}
	for _, word := range strings.Fields(f.Stretch(Plan{Takes: time.Hour, Scrape: time.Minute})[0].Values) {
		if word != "1.073741824e+08" {
			t.Fatalf("it becomes %s", word)
		}
	}
}
