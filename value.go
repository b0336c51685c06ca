package headroom

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// A Value is an amount as a kubelet configuration writes it: a quantity
// ("100Mi") or a percentage of a signal's capacity ("10%"). The zero Value is
// zero percent.
type Value struct {
	raw        string
	quantity   *resource.Quantity
	percentage float32 // a fraction: 0.1 is 10 %
}

// parseValue reads a quantity or percentage. It decides only what both
// thresholds and minimum reclaims agree on; their bounds differ.
func parseValue(s string) (Value, error) {
	if strings.HasSuffix(s, "%") {
		// 32 bits, as in the kubelet: 10 % becomes 0.100000001490116…, and a
		// threshold on a large disk differs by kilobytes from the exact tenth.
		p, err := strconv.ParseFloat(strings.TrimRight(s, "%"), 32)
		if err != nil {
			return Value{}, fmt.Errorf("%q is not a percentage: %w", s, errors.Unwrap(err))
		}
		return Value{raw: s, percentage: float32(p) / 100}, nil
	}
	q, err := resource.ParseQuantity(tractable(s))
	if err != nil {
		return Value{}, fmt.Errorf("%q is neither a percentage nor a quantity such as 100Mi: %w", s, err)
	}
	// "1e1000000000" has that many digits, and every comparison would make them.
	if exact := q.DeepCopy(); q.Sign() > 0 && exact.AsDec().Scale() < -maxDigits {
		q = beyond.DeepCopy()
	}
	return Value{raw: s, quantity: &q}, nil
}

// tractable writes a quantity that is too small to matter in a way that can be
// parsed: "1e-2147483647" would take for ever. All that is left of such a one is
// that it is rounded up to a billionth, the smallest step of a quantity.
func tractable(s string) string {
	i := strings.LastIndexAny(s, "eE")
	if i < 0 || !strings.ContainsAny(s[:i], "0123456789") { // "e-9" is parsed, and "e-30" refused
		return s
	}
	exponent, err := strconv.ParseInt(s[i+1:], 10, 64)
	// With at most i digits before it and an exponent below −(i + 9) a number is
	// less than a billionth. Of an exponent the parser keeps 32 bits.
	if smallest := i + 9; err == nil && int(int32(exponent)) < -smallest {
		return s[:i] + "e-" + strconv.Itoa(smallest)
	}
	return s
}

// maxDigits is how many digits an int64 can have.
const maxDigits = 19

// beyond is more than any int64. How much more makes no difference.
var beyond = resource.MustParse("9223372036854775808")

// String returns v as the configuration wrote it.
func (v Value) String() string { return v.raw }

// IsPercentage reports whether v is relative to a capacity.
func (v Value) IsPercentage() bool { return v.quantity == nil }

// Of returns v in the signal's unit for a capacity. A percentage is truncated,
// the way the kubelet does it (GetThresholdQuantity in
// pkg/kubelet/eviction/api/types.go); a fractional quantity is rounded up,
// which decides every comparison with a whole number as the fraction would; one
// that no int64 holds becomes the largest.
func (v Value) Of(capacity int64) int64 {
	if v.quantity == nil {
		product := float64(capacity) * float64(v.percentage)
		// What a conversion makes of these two is up to the machine.
		switch {
		case math.IsNaN(product): // NaN% is never met
			return 0
		case product >= 1<<63:
			return math.MaxInt64
		}
		return int64(product)
	}
	if v.quantity.CmpInt64(math.MaxInt64) >= 0 {
		return math.MaxInt64
	}
	return v.quantity.Value()
}

// above reports whether v, of capacity, is strictly more than available.
func (v Value) above(available, capacity int64) bool {
	if v.quantity == nil {
		// The kubelet's own expression, not Of's sensible one: what a conversion
		// makes of NaN and of 2⁶³ decides there, too, on the same machine.
		return available < int64(float64(capacity)*float64(v.percentage))
	}
	// Exact: a quantity may lie beyond int64.
	return v.quantity.CmpInt64(available) > 0
}
