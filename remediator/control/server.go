package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/go-chi/chi/v5"

	headroom "github.com/nodeheadroom/headroom"
)

const (
	maxBody = 16 << 10
	maxText = 200 // bytes of what a person says

	lookTimeout  = 10 * time.Second // for what loads or saves
	planTimeout  = time.Minute      // for what walks the disk, or waits for a rung to stop
	bodyTimeout  = 5 * time.Second
	stopTimeout  = 5 * time.Second
	answerWithin = planTimeout + 15*time.Second
)

// A Server answers on a Listener. All fields must be set. What it passes on is
// logged by the engine.
type Server struct {
	Engine Engine
	Node   string
	DryRun bool
	Logger *slog.Logger
}

// Serve answers until ctx ends, lets requests finish, and closes l.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	server := &http.Server{
		Handler:           s.routes(),
		ConnContext:       withPeer,
		ReadHeaderTimeout: bodyTimeout,
		ReadTimeout:       2 * bodyTimeout,
		WriteTimeout:      answerWithin,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxBody,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type peerKey struct{}

// withPeer asks once a connection who is there. A peer that cannot be told is
// nobody, who may nothing.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	p, err := peerOf(c, "/proc")
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.admit)
	r.NotFound(s.unknown)
	r.MethodNotAllowed(s.unknown)
	r.Get("/v1/state", handle(s, lookTimeout, s.state))
	r.Get("/v1/plan", handle(s, planTimeout, s.plan))
	r.Post("/v1/run", handle(s, lookTimeout, s.run))
	r.Post("/v1/approve", handle(s, lookTimeout, s.approve))
	r.Post("/v1/cancel", handle(s, planTimeout, s.cancel))
	r.Post("/v1/pause", handle(s, lookTimeout, s.pause))
	r.Post("/v1/resume", handle(s, lookTimeout, s.resume))
	return r
}

// admit is the second look at who asks; the first is the socket's mode.
func (s *Server) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := r.Context().Value(peerKey{}).(peer)
		if !ok || !p.may() {
			s.Logger.Warn("control socket: refused", "who", p.who, "pid", p.pid, "path", r.URL.Path)
			s.refuse(w, ErrForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, fmt.Errorf("%s %q is not known: %w: restart the one or update the other", r.Method, r.URL.Path, errUnknown))
}

// handle answers with what do returns, as JSON, or with its error.
func handle[T any](s *Server, limit time.Duration, do func(context.Context, *http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := do(ctx, r)
		if err != nil {
			s.refuse(w, err)
			return
		}
		write(w, http.StatusOK, answer)
	}
}

func (s *Server) refuse(w http.ResponseWriter, err error) {
	write(w, statusOf(err), Error{Message: err.Error()})
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who has gone needs no answer
}

// read decodes the body of a request, and says for the record who it is from.
func read(r *http.Request) (o order, by string, err error) {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return o, "", fmt.Errorf("body: %w: %w", headroom.ErrInvalid, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, "", fmt.Errorf("body: %w: more than one value", headroom.ErrInvalid)
	}
	for name, text := range map[string]string{"--by": o.By, "--why": o.Why} {
		if len(text) > maxText || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
			return o, "", fmt.Errorf("%s: %w: must be printable and at most %d bytes", name, headroom.ErrInvalid, maxText)
		}
	}
	p, _ := r.Context().Value(peerKey{}).(peer)
	by = p.who
	if o.By != "" {
		by += fmt.Sprintf(", says %q", o.By)
	}
	return o, by, nil
}
