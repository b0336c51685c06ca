package webhook

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// maxBody is more than 5,000 alerts as Alertmanager writes them.
	maxBody = 4 << 20
	// maxBodies bounds what all requests together may hold at one time.
	maxBodies = 2 * maxBody
	// minWeight is what a request counts for at least: its decoded labels and
	// its connection cost more than a body of a few bytes.
	minWeight = 4 << 10

	// bodyTimeout is how long a body may take to arrive.
	bodyTimeout = 10 * time.Second
)

// checkHead refuses what can be refused without the body.
func checkHead(r *http.Request) error {
	if strings.TrimSuffix(r.URL.Path, "/") != Path {
		return refuse(http.StatusNotFound, "path: %s: must be %s", quote(r.URL.Path), Path)
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "method: %s: must be POST", quote(r.Method))
	}
	ct := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(ct); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type: %s: must be application/json", quote(ct))
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return refuse(http.StatusUnsupportedMediaType, "Content-Encoding: %s: must not be encoded", quote(enc))
	}
	if r.ContentLength > maxBody {
		return tooLarge(fmt.Sprintf("%d bytes", r.ContentLength))
	}
	return nil
}

// read returns the body, or an error if it is too long or takes too long.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	conn := http.NewResponseController(w)
	// Not every ResponseWriter has deadlines; net/http's do.
	_ = conn.SetReadDeadline(time.Now().Add(h.bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, tooLarge("too large")
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, refuse(http.StatusServiceUnavailable, "body: did not arrive within %s: try again", h.bodyTimeout)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "body: %s", shorten(err.Error()))
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}

func tooLarge(size string) error {
	return refuse(http.StatusRequestEntityTooLarge, "body: %s: at most %d bytes: set max_alerts in Alertmanager's webhook_config, or group by more labels", size, maxBody)
}
