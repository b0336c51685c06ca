package oracle

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// text returns something that somebody may write for a threshold: most of it by
// the grammar of quantities and percentages, with every liberty at its edges, and
// some of it broken afterwards.
func (d *dice) text() string {
	d.buf = d.buf[:0]
	switch n := d.IntN(100); {
	case n < 5:
		return pick(d, oddities)
	case n < 10:
		return d.share()
	case n < 40:
		d.percentage()
	default:
		d.number()
		d.add(pick(d, suffixes))
	}
	for d.in100(12) {
		d.mutate()
	}
	if d.endless() {
		return d.text()
	}
	return string(d.buf)
}

// endless reports whether the text has an exponent of four digits or more without
// being a percentage. The library that both sides share would write such a number
// out, and a kubelet with it would not have come to its second line.
func (d *dice) endless() bool {
	if len(d.buf) > 0 && d.buf[len(d.buf)-1] == '%' {
		return false
	}
	at := bytes.LastIndexAny(d.buf, "eE")
	return at >= 0 && len(bytes.TrimLeft(d.buf[at+1:], "+-0")) > 3
}

// good returns text that is mostly accepted.
func (d *dice) good() string {
	d.buf = d.buf[:0]
	switch n := d.IntN(100); {
	case n < 2:
		return d.text()
	case n < 10:
		return pick(d, []string{"0%", "100%", "100.0%", "0.0%", "NaN%", "100m", "16Ei", "9223372036854775808"})
	case n < 50:
		return d.share()
	}
	d.digits(1 + d.IntN(6))
	d.add(pick(d, suffixes[:16]))
	return string(d.buf)
}

// share returns a percentage from 0% to 100%, or a little more.
func (d *dice) share() string {
	d.buf = d.buf[:0]
	switch d.IntN(5) {
	case 0:
		d.midway()
	case 1:
		d.digits(1)
		d.add(".")
		d.digits(1 + d.IntN(20))
	case 2:
		d.digits(2)
		d.add(".")
		d.digits(1 + d.IntN(8))
	case 3:
		d.add(pick(d, []string{"99.99999", "100.000", "0.0000", "1e-", "1e-1"}))
		d.digits(1 + d.IntN(5))
	default:
		d.digits(1 + d.IntN(2))
	}
	d.add("%")
	return string(d.buf)
}

// midway writes a number between two neighbours among 32-bit floating-point
// numbers, or a trifle above or below: whoever rounds twice ends at the wrong one.
func (d *dice) midway() {
	low := d.Float32() * 100
	middle := (float64(low) + float64(math.Nextafter32(low, 200))) / 2
	d.buf = strconv.AppendFloat(d.buf, middle, 'f', 60, 64) // exact
	switch d.IntN(3) {
	case 0:
		d.add("1")
	case 1:
		d.buf = bytes.TrimRight(d.buf, "0") // its last digit is a 5
		d.buf[len(d.buf)-1] = '4'
		d.add("9999999999999999")
	}
}

func (d *dice) percentage() {
	d.number()
	d.add("%")
	for d.in100(8) {
		d.add("%")
	}
}

func (d *dice) number() {
	if d.in100(20) {
		d.add(pick(d, []string{"+", "-", "--", "+-", "-0", "+0", " ", "0x", "0X1p"}))
	}
	switch n := d.IntN(100); {
	case n < 3:
		d.add(pick(d, []string{"NaN", "nan", "Inf", "-Inf", "infinity", "+inf", "١٢", "１０", "½", "1_0", "1__0", "_1", "0x1p-2", "0x.8p3", "0b1", "0o7"}))
	case n < 10:
		d.digits(17 + d.IntN(30)) // beyond int64
	case n < 25:
		d.magnitude()
	default:
		d.digits(d.IntN(4))
	}
	if d.in100(35) {
		d.add(".")
		d.digits(d.IntN(pick(d, []int{2, 4, 12, 40})))
	}
	if d.in100(15) {
		d.add(pick(d, []string{"e", "E", "e+", "e-", "E-", "e ", "ee"}))
		d.digits(d.IntN(3))
	}
}

// magnitude writes an amount in full.
func (d *dice) magnitude() {
	n := d.amount()
	var digits [20]byte
	i := len(digits)
	for ok := true; ok; ok = n > 0 {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	d.buf = append(d.buf, digits[i:]...)
}

func (d *dice) digits(n int) {
	for range n {
		d.buf = append(d.buf, byte('0'+d.IntN(10)))
	}
}

func (d *dice) add(s string) { d.buf = append(d.buf, s...) }

// mutate breaks what was made: one byte more, less, another or twice.
func (d *dice) mutate() {
	const alphabet = "0123456789.%+-_eEinumkKMGTPBb xXpNaI\x00\n٣"
	at := d.IntN(len(d.buf) + 1)
	letter := alphabet[d.IntN(len(alphabet))]
	tail := string(d.buf[at:])
	switch d.buf = d.buf[:at]; {
	case len(tail) == 0 || d.in100(30):
		d.add(string(letter) + tail)
	case d.in100(40):
		d.add(tail[1:])
	case d.in100(50):
		d.add(string(letter) + tail[1:])
	default:
		d.add(tail[:1] + tail)
	}
}

// Suffixes, the first 16 of which are good.
var suffixes = strings.Split(",,Ki,Mi,Gi,Ti,Pi,Ei,k,M,G,T,P,E,e3,m,n,u,K,B,MB,KiB,ki,mi,Zi,i, ,Mi , Mi,%Mi,e,E+,Ee,Ke,E3,e-3,e-12,e-30,E19", ",")

var oddities = []string{
	"0%", "100%", "0.0%", "00%", "-0%", "+0%", "1e-50%", "100.0%", "1e2%", "100.000001%", "100.0000038147%", "100.1%", "101%", "-1%",
	"1e400%", "-1e400%", "1e-400%", "10%%", "+10%", ".5%", "10.%", ".%", "0x1p3%", "1_0%", "NaN%", "nan%", "Inf%", "-Inf%", " 10%", "10 %",
	"%", "%%", "", " ", "0", "0Mi", "0.0", "-0", "+0", "0e5", "-1", "100m", "1n", "0.1n", "1e-9", "1e-10", "16Ei", "8Ei", "7.9999999999Ei",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "1E", "1Ee3", "1E1", "1Ei", "999E", "1e18", "1e19", "1e100",
	"100Mi", "100MB", "1KiB", "100.5", "1.5Gi", "1.1Gi", "１０%", "0100", "1e3Mi", "5e0", "5.", ".5", ".", "..5", "+", "-", "e3", "Mi", "null", "ten%",
}
