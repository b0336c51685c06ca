package remediator

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	headroom "github.com/nodeheadroom/headroom"
	"github.com/nodeheadroom/headroom/remediator/store/journal"
)

// reopenInterval is how often a journal that could not be opened is tried
// again.
const reopenInterval = 10 * time.Second

// An openStore is the journal, or the reason why there is none yet. Until it
// is open every request is refused, so that webhooks are answered 503 and
// Alertmanager keeps what it has.
type openStore struct {
	settings *settings
	opened   chan struct{}

	mu      sync.Mutex
	journal *journal.Journal
	err     error

	inMemory prometheus.Gauge
	setAside prometheus.Counter
}

// newStore tries to open the journal once; Opened goes on trying.
func newStore(s *settings, r prometheus.Registerer) *openStore {
	o := &openStore{
		settings: s,
		opened:   make(chan struct{}),
		inMemory: prometheus.NewGauge(prometheus.GaugeOpts{Name: "headroom_remediation_journal_in_memory", Help: "1 while cases are kept on memory-backed space and are lost with it."}),
		setAside: prometheus.NewCounter(prometheus.CounterOpts{Name: "headroom_remediation_journal_set_aside_total", Help: "Journals that were damaged or of a newer version, and were set aside."}),
	}
	r.MustRegister(o.inMemory, o.setAside)
	o.open() // Err has what went wrong
	return o
}

// open tries to open the journal.
func (o *openStore) open() error {
	j, err := journal.OpenWithFallback(o.settings.journalFile, o.settings.journalFallback, journal.Options{Logger: o.settings.logger})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.journal, o.err = j, err
	if err != nil {
		if !errors.Is(err, journal.ErrInUse) {
			o.settings.logger.Error("Journal cannot be opened: alerts are answered 503 until it can", "err", err)
		}
		return err
	}
	if j.InMemory() {
		o.inMemory.Set(1)
	}
	o.setAside.Add(float64(j.SetAsideCount()))
	close(o.opened)
	return nil
}

// Opened waits until the journal is open, trying again now and then. It returns
// ctx's error, or that another process has the journal by now.
func (o *openStore) Opened(ctx context.Context) error {
	for {
		select {
		case <-o.opened:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reopenInterval):
			if err := o.open(); errors.Is(err, journal.ErrInUse) {
				return err
			}
		}
	}
}

// Err is why the journal is not open, or nil.
func (o *openStore) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *openStore) get() (*journal.Journal, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.journal, o.err
}

// Request, Load and Save are the journal's.
func (o *openStore) Request(ctx context.Context, rs []headroom.Request) error {
	j, err := o.get()
	if err != nil {
		return err
	}
	return j.Request(ctx, rs)
}

func (o *openStore) Load(ctx context.Context) ([]headroom.Case, error) {
	j, err := o.get()
	if err != nil {
		return nil, err
	}
	return j.Load(ctx)
}

func (o *openStore) Save(ctx context.Context, c *headroom.Case) error {
	j, err := o.get()
	if err != nil {
		return err
	}
	return j.Save(ctx, c)
}

// Control and SaveControl are the journal's, too.
func (o *openStore) Control(ctx context.Context) (headroom.Control, error) {
	j, err := o.get()
	if err != nil {
		return headroom.Control{}, err
	}
	return j.Control(ctx)
}

func (o *openStore) SaveControl(ctx context.Context, c *headroom.Control) error {
	j, err := o.get()
	if err != nil {
		return err
	}
	return j.SaveControl(ctx, c)
}

// Close closes the journal, if it is open.
func (o *openStore) Close() error {
	j, err := o.get()
	if err != nil {
		return nil
	}
	return j.Close()
}
