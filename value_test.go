package headroom_test

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nodeheadroom/headroom"
)

// Computed by the kubelet's own code, v1.37.2; the last six by its formula.
func TestPercentageIsRoundedAsTheKubeletRounds(t *testing.T) {
	for _, c := range []struct {
		raw            string
		capacity, want int64
	}{
		{"10%", 107374182400, 10737418400},
		{"15%", 107374182400, 16106128000},
		{"5%", 107374182400, 5368709200},
		{"10%", 1099511627776, 109951164416},
		{"15%", 1099511627776, 164926750720},
		{"12.5%", 107374182400, 13421772800},
		{"10%", 25276502016, 2527650239},
		{"0.1%", 107374182400, 107374187},
		{"33.333%", 65536000, 21845115},
		{"99.9%", 16777216, 16760439},
		{"10%", 9007199254740993, 900719938895872},
		{"5%", 16777216, 838860},
		{"5%", 4194304, 209715},
		{"5%", 19, 0},
		{"5%", 20, 1},
		{"10%", 9, 0},
		{"10%", 10, 1},
		{"10%", 32768, 3276},
		{"1%", 100, 0},
		{"1%", 128000, 1279},
		{"3.3%", 65536000, 2162687},
		{"99%", 4194304, 4152361},
		{"100.0%", 99, 99},
		{"7%", 100, 7},
		{"10%", 0, 0},
		{"10%", 270553174016, 27055317804},
		{"15%", 270553174016, 40582977715},
		{"10%", 16777216000, 1677721625},
		{"5%", 6553600, 327680},
		{"10%", math.MaxInt64, 922337217429372928},
		{"100.0%", math.MaxInt64, math.MaxInt64}, // 2⁶³ as a float64: beyond int64
	} {
		if got := parse(t, c.raw).Of(c.capacity); got != c.want {
			t.Errorf("%s of %d is %d, want %d", c.raw, c.capacity, got, c.want)
		}
	}
}

func TestQuantityIsAbsoluteAndRoundedUp(t *testing.T) {
	for raw, want := range map[string]int64{
		"100Mi": 100 << 20, "1Gi": 1 << 30, "1.5Gi": 3 << 29, "1k": 1000, "1M": 1e6, "1E": 1e18, "1Ei": 1 << 60,
		"100": 100, "1e3": 1000, "1E3": 1000, "+5": 5, "100.5": 101, "100m": 1, "1n": 1, "0.1": 1, ".5": 1, "5.": 5,
		"16Ei": math.MaxInt64, "9223372036854775807": math.MaxInt64, "9223372036854775808": math.MaxInt64,
		"9223372036854775806": math.MaxInt64 - 1, "1e19": math.MaxInt64, "1e2147483647": math.MaxInt64, "0.0000000001e28": 1e18,
		"1e-2147483647": 1, "123.45E-1000000000": 1, "1e-18": 1, "99999999999999999999e-11": 1e9, "1e-4294967296": 1, "12e-4294967296": 12,
	} {
		threshold := parse(t, raw)
		for _, capacity := range []int64{0, 1, math.MaxInt64} {
			if got := threshold.Of(capacity); got != want {
				t.Errorf("%s of %d is %d, want %d", raw, capacity, got, want)
			}
		}
		if threshold.Value.IsPercentage() || threshold.Value.String() != raw {
			t.Errorf("%s reads %s, percentage: %v", raw, threshold.Value, threshold.Value.IsPercentage())
		}
	}
}

func TestOddPercentagesAreAccepted(t *testing.T) {
	for raw, want := range map[string]int64{
		"10%%": 100, "+10%": 100, ".5%": 4, "10.%": 100, "1e1%": 100, "0x1p3%": 79, "1_0%": 100,
		"0.0%": 0, "00%": 0, "-0%": 0, "1e-50%": 0, "100.0%": 1000, "1e2%": 1000, "100.0000001%": 1000, "NaN%": 0,
	} {
		if got := parse(t, raw).Of(1000); got != want && got != want+1 {
			t.Errorf("%s of 1000 is %d, want %d", raw, got, want)
		}
	}
}

func TestExactlyTwoSpellingsSwitchOff(t *testing.T) {
	for _, raw := range []string{"0%", "100%"} {
		for _, e := range headroom.Evictions {
			c := headroom.EvictionConfig{Hard: map[string]string{"pid.available": raw}}
			if e == headroom.Soft {
				// It needs no grace period, either.
				c = headroom.EvictionConfig{Soft: map[string]string{"pid.available": raw}}
			}
			if ts, err := c.Thresholds(); err != nil || len(ts) != 0 {
				t.Errorf("%s %s: %v, %v", e, raw, ts, err)
			}
		}
	}
}

func TestValueThatTheKubeletRefusesIsRefusedByFieldSignalAndValue(t *testing.T) {
	for _, raw := range []string{
		"101%", "100.1%", "-1%", "Inf%", "-Inf%", "+Inf%", "1e400%", " 10%", "10 %", "%", "%10", "１０%", "ten%",
		"0", "0Mi", "-1", "-100Mi", "1K", "100MB", "1KiB", " 100Mi", "100Mi ", "100 Mi", "", "Mi", "1e", "--1", "0.0", "e-30", ".e-2147483647",
	} {
		_, err := headroom.EvictionConfig{Hard: map[string]string{"nodefs.available": raw}}.Thresholds()
		if err == nil || !strings.HasPrefix(err.Error(), "evictionHard: nodefs.available: ") || !strings.Contains(err.Error(), strconv.Quote(raw)) {
			t.Errorf("%q: error is %v", raw, err)
		}
	}
}

// parse reads a hard threshold of nodefs.available.
func parse(t *testing.T, raw string) headroom.Threshold {
	t.Helper()
	ts, err := headroom.EvictionConfig{Hard: map[string]string{"nodefs.available": raw}}.Thresholds()
	if err != nil || len(ts) != 1 {
		t.Fatalf("%q: %v, %v", raw, ts, err)
	}
	return ts[0]
}

// Two forms of the grammar of which it is known, without the code under test,
// whether a kubelet takes them.
var (
	decimal  = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$`)
	quantity = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`)
	tooLong  = regexp.MustCompile(`[0-9]{60}|[eE][+-]?[0-9]{3}`)
)

func FuzzThreshold(f *testing.F) {
	for _, raw := range []string{
		"10%", "0%", "100%", "100.0%", "100.000001%", "-0%", "-1%", "1e2%", "10%%", "NaN%", "0x1p3%", "1_0%", "100Mi", "1.5Gi",
		"100m", "1n", "0", "-1", "16Ei", "9223372036854775808", "1e3", "1E", "1Ee", "Ki", "+.5k", "", "%", "100.0000038147%",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if tooLong.MatchString(raw) {
			return // the library behind quantities works for seconds on these
		}
		ts, err := headroom.EvictionConfig{Hard: map[string]string{"nodefs.available": raw}}.Thresholds()
		number, isPercentage := strings.CutSuffix(raw, "%")
		switch {
		case raw == "0%" || raw == "100%":
			if err != nil || len(ts) != 0 {
				t.Errorf("%q: %v, %v", raw, ts, err)
			}
		case isPercentage && decimal.MatchString(number):
			share := shareOf(t, number)
			if want := share.Sign() >= 0 && share.Cmp(big.NewFloat(1)) <= 0; want != (err == nil) {
				t.Errorf("%q: error is %v", raw, err)
			}
		case !isPercentage:
			positive := quantity.MatchString(raw) && raw[0] != '-' && strings.ContainsAny(strings.TrimRight(mantissa(raw), "."), "123456789")
			if positive != (err == nil) {
				t.Errorf("%q: error is %v", raw, err)
			}
		}
		if err == nil && len(ts) == 1 && ts[0].Value.String() != raw {
			t.Errorf("%q became %q", raw, ts[0].Value)
		}
	})
}

// mantissa cuts an exponent or suffix off a quantity.
func mantissa(raw string) string {
	return strings.FieldsFunc(raw, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '+' })[0]
}

func FuzzPercentageOf(f *testing.F) {
	f.Add(uint32(10), uint8(0), int64(107374182400))
	f.Add(uint32(15), uint8(0), int64(1099511627776))
	f.Add(uint32(1), uint8(0), int64(100))
	f.Add(uint32(33333), uint8(3), int64(65536000))
	f.Add(uint32(10), uint8(0), int64(9007199254740993))
	f.Add(uint32(999999999), uint8(7), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, digits uint32, decimals uint8, capacity int64) {
		number := big.NewRat(int64(digits), 1)
		for range decimals % 12 {
			number.Quo(number, big.NewRat(10, 1))
		}
		raw := number.FloatString(12)
		share := shareOf(t, raw)
		if capacity < 0 || share.Cmp(big.NewFloat(1)) > 0 {
			return
		}
		// In 53 bits each: the capacity, then the product, whose fraction goes.
		product := new(big.Float).SetPrec(53).SetInt64(capacity)
		want, _ := product.Mul(product, share).Int(nil)
		if !want.IsInt64() {
			want.SetInt64(math.MaxInt64) // 100 % of nearly 2^63, rounded up
		}
		if got := parse(t, raw+"%").Of(capacity); got != want.Int64() {
			t.Errorf("%s%% of %d is %d, want %s", raw, capacity, got, want)
		}
	})
}

// shareOf is a percentage as a fraction in 24 bits, rounded once as it is read
// and once as it is divided: another way to say float32, without floating-point
// numbers of the machine.
func shareOf(t *testing.T, decimal string) *big.Float {
	t.Helper()
	exact, ok := new(big.Rat).SetString(decimal)
	if !ok {
		t.Fatalf("%q is not a decimal", decimal)
	}
	share := new(big.Float).SetPrec(24).SetRat(exact)
	return share.Quo(share, big.NewFloat(100).SetPrec(24))
}
