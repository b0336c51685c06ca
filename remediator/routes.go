package remediator

import (
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
)

// routes is everything the program serves. Only the webhook changes anything.
func routes(registry *prometheus.Registry, store *openStore, alerts http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount("/api/v1/alerts", alerts)
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	r.Get("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "Healthy\n")
	})
	r.Get("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if err := store.Err(); err != nil {
			http.Error(w, "journal: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "Ready\n")
	})
	if landing, err := web.NewLandingPage(web.LandingConfig{
		Name:        "Headroom Remediator",
		Description: "Makes room on this node before the kubelet evicts.",
		Version:     version.Info(),
		Profiling:   "false", // it is not served
		Links: []web.LandingLinks{
			{Address: "/metrics", Text: "Metrics"},
			{Address: "/-/ready", Text: "Ready", Description: "whether alerts can be kept"},
		},
	}); err == nil {
		r.Method(http.MethodGet, "/", landing)
	}
	return r
}
