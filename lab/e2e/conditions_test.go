//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nodeheadroom/headroom"
)

// all is nil where every condition is.
func all(conditions ...func(samples) error) func(samples) error {
	return func(s samples) error {
		var errs []error
		for _, condition := range conditions {
			errs = append(errs, condition(s))
		}
		return errors.Join(errs...)
	}
}

// source wants the thresholds to be from there.
func source(name string) func(samples) error {
	return func(s samples) error {
		info := s.of("headroom_thresholds_info")
		for key := range info {
			if len(info) == 1 && strings.Contains(key, fmt.Sprintf("source=%q", name)) {
				return nil
			}
		}
		return fmt.Errorf("the source is %v, want %s", info, name)
	}
}

// share wants nodefs's hard threshold to be this share of its capacity.
func share(part float64) func(samples) error {
	return func(s samples) error {
		threshold, err1 := s.get("headroom_threshold_bytes", "signal", "nodefs.available", "eviction", "hard")
		capacity, err2 := s.get("headroom_signal_capacity_bytes", "signal", "nodefs.available")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if off := threshold/capacity - part; off > 1e-6 || off < -1e-6 {
			return fmt.Errorf("nodefs's threshold is %v of %v, want the share %v", threshold, capacity, part)
		}
		return nil
	}
}

// pending wants it to be said, or not, that a restart would change nodefs's
// thresholds, and those of no other signal.
func pending(is bool) func(samples) error {
	return func(s samples) error {
		value := 0.0
		if is {
			value = 1
		}
		return errors.Join(problem(s, "restart_pending", "nodefs.available", value), problem(s, "restart_pending", "memory.available", 0))
	}
}

// problem wants a problem of a signal to be there (1), not to be there (0).
func problem(s samples, name string, signal headroom.Signal, value float64) error {
	return s.want(value, "headroom_config_problem", "problem", name, "signal", string(signal))
}
