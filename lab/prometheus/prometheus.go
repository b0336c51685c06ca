// Package prometheus is the real Prometheus with what is shipped for it, and what
// it knows.
package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"

	"github.com/nodeheadroom/headroom/lab/product"
	"github.com/nodeheadroom/headroom/lab/tools"
)

// Command returns the program and the arguments that make it run with one of the
// configurations in deploy/prometheus and the shipped rules, to the byte: dir, an
// empty folder, gets links to them, as deploy/README.md says where they go, and
// the data.
func Command(dir, configuration string) (program string, args []string, err error) {
	root, err := product.Root()
	if err != nil {
		return "", nil, err
	}
	if program, err = tools.Path("prometheus"); err != nil {
		return "", nil, err
	}
	for link, to := range map[string]string{configuration: "deploy/prometheus/" + configuration, "rules": "rules"} {
		if err := os.Symlink(filepath.Join(root, to), filepath.Join(dir, link)); err != nil {
			return "", nil, err
		}
	}
	return program, []string{"--config.file=" + filepath.Join(dir, configuration), "--storage.tsdb.path=" + filepath.Join(dir, "data")}, nil
}

// A Server is the address, host:port, of one that runs.
type Server string

// Samples returns the samples of a selector that are younger than back, each with
// the time of its scrape or evaluation.
func (s Server) Samples(ctx context.Context, selector string, back time.Duration) (model.Matrix, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	query := fmt.Sprintf("%s[%dms]", selector, back.Milliseconds())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+string(s)+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result model.Matrix }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("query %s: %s: %w", query, response.Status, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("query %s: %s", query, answer.Error)
	}
	return answer.Data.Result, nil
}

// First returns when the first of a selector's samples was taken that are younger
// than back, and an error if there is none.
func (s Server) First(ctx context.Context, selector string, back time.Duration) (time.Time, error) {
	found, err := s.Samples(ctx, selector, back)
	if err != nil {
		return time.Time{}, err
	}
	first := model.Latest
	for _, series := range found {
		first = min(first, series.Values[0].Timestamp)
	}
	if first == model.Latest {
		return time.Time{}, fmt.Errorf("no sample of %s", selector)
	}
	return first.Time(), nil
}
