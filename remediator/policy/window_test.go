package policy

import (
	"testing"
	"time"
)

func windowOf(t *testing.T, text string) Window {
	t.Helper()
	w, err := parseWindow(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return w
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Berlin went to +02:00 on Sunday, 29 March 2026 at 02:00 (01:00 UTC), and comes
// back on Sunday, 25 October 2026 at 03:00 (01:00 UTC).
func TestAWindowBeginsAndEndsByTheClockOnTheWall(t *testing.T) {
	for sentence, c := range map[string]struct {
		window, begin, end string // what it is at that time of the year, end excluded
	}{
		"in winter":                          {"Sat 02:00-06:00 Europe/Berlin", "2026-01-10T01:00:00Z", "2026-01-10T05:00:00Z"},
		"in summer":                          {"Sat 02:00-06:00 Europe/Berlin", "2026-07-11T00:00:00Z", "2026-07-11T04:00:00Z"},
		"without a zone it is UTC":           {"Sat 02:00-06:00", "2026-07-11T02:00:00Z", "2026-07-11T06:00:00Z"},
		"past midnight it is the next day's": {"Fri 22:00-04:30", "2026-07-10T22:00:00Z", "2026-07-11T04:30:00Z"},
		"past the end of the week":           {"Sat 23:00-01:00", "2026-07-11T23:00:00Z", "2026-07-12T01:00:00Z"},
		"past the end of the year":           {"Thu 23:00-01:00", "2026-12-31T23:00:00Z", "2027-01-01T01:00:00Z"},
		"until midnight":                     {"Sat 20:00-24:00", "2026-07-11T20:00:00Z", "2026-07-12T00:00:00Z"},
		"until midnight, written as zero":    {"Sat 20:00-00:00", "2026-07-11T20:00:00Z", "2026-07-12T00:00:00Z"},
		"a whole day":                        {"Sat 00:00-24:00 Asia/Kathmandu", "2026-07-10T18:15:00Z", "2026-07-11T18:15:00Z"},
		"almost a whole day":                 {"Sat 12:00-11:59", "2026-07-11T12:00:00Z", "2026-07-12T11:59:00Z"},
		"one minute":                         {"Sat 12:00-12:01", "2026-07-11T12:00:00Z", "2026-07-11T12:01:00Z"},
		"far in the east":                    {"Sat 01:00-02:00 Pacific/Kiritimati", "2026-07-10T11:00:00Z", "2026-07-10T12:00:00Z"},
		"far in the west":                    {"Sat 22:00-23:00 Pacific/Pago_Pago", "2026-07-12T09:00:00Z", "2026-07-12T10:00:00Z"},

		"set forward within it: an hour is missing":      {"Sun 01:00-05:00 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"},
		"set forward: it begins at a time that is not":   {"Sun 02:30-05:00 Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"},
		"set forward: it ends at a time that is not":     {"Sun 01:00-02:30 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		"set forward: it begins as the leap does":        {"Sun 02:00-03:30 Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"},
		"set forward: it begins as the leap ends":        {"Sun 03:00-04:00 Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		"set forward in a window of the day before":      {"Sat 23:00-03:00 Europe/Berlin", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"},
		"set forward: a whole day has 23 hours":          {"Sun 00:00-24:00 Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"set back within it: an hour more":               {"Sun 01:00-05:00 Europe/Berlin", "2026-10-24T23:00:00Z", "2026-10-25T04:00:00Z"},
		"set back: it begins at the first of two":        {"Sun 02:30-05:00 Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T04:00:00Z"},
		"set back: it ends at the first of two":          {"Sun 01:00-02:30 Europe/Berlin", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"},
		"set back: both twice, and it is there once":     {"Sun 02:15-02:45 Europe/Berlin", "2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"},
		"set back: 02:00 is there twice, too":            {"Sun 02:00-03:00 Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"},
		"set back: 03:00 is there once":                  {"Sun 03:00-04:00 Europe/Berlin", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"},
		"set back in a window of the day before":         {"Sat 23:00-02:30 Europe/Berlin", "2026-10-24T21:00:00Z", "2026-10-25T00:30:00Z"},
		"set back: a whole day has 25 hours":             {"Sun 00:00-24:00 Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"set forward at midnight: the day begins at one": {"Sun 00:00-02:00 America/Asuncion", "2023-10-01T04:00:00Z", "2023-10-01T05:00:00Z"},
		"set by half an hour":                            {"Sun 01:45-02:15 Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:45:00Z"},
		"the day after one that was left out":            {"Sat 00:00-02:00 Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T12:00:00Z"},
	} {
		t.Run(sentence, func(t *testing.T) {
			w, begin, end := windowOf(t, c.window), moment(t, c.begin), moment(t, c.end)
			for at, want := range map[time.Time]bool{
				begin.Add(-time.Nanosecond): false, begin: true, begin.Add(time.Nanosecond): true,
				end.Add(-time.Nanosecond): true, end: false, end.Add(time.Nanosecond): false,
			} {
				if got := w.Covers(at); got != want {
					t.Errorf("%s: covers %s is %v", w, at.In(w.zone).Format(time.RFC3339Nano), got)
				}
			}
			for at := begin; at.Before(end); at = at.Add(time.Minute) {
				if !w.Covers(at) {
					t.Fatalf("%s: has a hole at %s", w, at)
				}
			}
			for at, want := range map[time.Time]time.Time{
				begin.Add(-time.Nanosecond): begin, begin.Add(-23 * time.Hour): begin,
			} {
				if got := w.next(at); !got.Equal(want) {
					t.Errorf("%s: the next after %s begins %s, not %s", w, at, got.UTC(), want)
				}
			}
			if got := w.next(begin); !got.After(begin.Add(6*24*time.Hour)) || !w.Covers(got) {
				t.Errorf("%s: the next after its own beginning is %s", w, got)
			}
		})
	}
}

func TestAWindowWhichTheClockLeapsOverIsNotThatDay(t *testing.T) {
	for _, c := range []struct{ window, day, next string }{
		{"Sun 02:00-03:00 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-04-05T00:00:00Z"},
		{"Sun 02:15-02:45 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-04-05T00:15:00Z"},
		{"Fri 08:00-12:00 Pacific/Apia", "2011-12-29T10:00:00Z", "2012-01-05T18:00:00Z"}, // that Friday was left out
	} {
		w, day := windowOf(t, c.window), moment(t, c.day)
		for at := day; at.Before(day.Add(48 * time.Hour)); at = at.Add(time.Minute) {
			if w.Covers(at) {
				t.Fatalf("%s: covers %s", w, at.In(w.zone))
			}
		}
		if got := w.next(day); !got.Equal(moment(t, c.next)) {
			t.Errorf("%s: the next begins %s, not %s", w, got.UTC(), c.next)
		}
	}
}

func TestTheDaysOfAWindowAreThoseOnWhichItBegins(t *testing.T) {
	for days, want := range map[string]string{ // from Sunday on
		"Sun": "x......", "Sat": "......x", "Wed": "...x...",
		"Mon-Fri": ".xxxxx.", "Sat,Sun": "x.....x", "Fri-Mon": "xx...xx", "Mon-Tue,Thu,Sat-Sun": "xxx.x.x",
		"Tue-Tue": "..x....", "Wed-Tue": "xxxxxxx", "daily": "xxxxxxx", "Mon,Mon": ".x.....",
	} {
		w := windowOf(t, days+" 23:00-01:00")
		for day := range 7 {
			began := time.Date(2026, 7, 5+day, 23, 30, 0, 0, time.UTC) // the 5th is a Sunday
			is := want[day] == 'x'
			if w.Covers(began) != is || w.Covers(began.Add(time.Hour)) != is {
				t.Errorf("%s: on %s it is %v, and %v an hour later; want %v", days, began.Weekday(), w.Covers(began), w.Covers(began.Add(time.Hour)), is)
			}
		}
	}
}

func TestTheNextWindowIsTheFirstOfAll(t *testing.T) {
	p := &Policy{Disruptive: []Window{
		windowOf(t, "Sat 02:00-06:00"), windowOf(t, "Mon-Fri 22:00-04:00"), windowOf(t, "Sat 03:00-04:00 Europe/Berlin"),
	}}
	for at, want := range map[string]struct {
		in   bool
		next string
	}{
		"2026-07-11T00:59:59Z": {true, "2026-07-11T01:00:00Z"}, // Saturday, in Friday's; Berlin's begins
		"2026-07-11T01:00:00Z": {true, "2026-07-11T02:00:00Z"},
		"2026-07-11T06:00:00Z": {false, "2026-07-13T22:00:00Z"},
		"2026-07-14T12:00:00Z": {false, "2026-07-14T22:00:00Z"},
	} {
		now := moment(t, at)
		next, ok := p.NextWindow(now)
		if !ok || !next.Equal(moment(t, want.next)) || p.InWindow(now) != want.in {
			t.Errorf("at %s: in a window is %v, the next begins %s", at, p.InWindow(now), next.UTC())
		}
	}
	free := &Policy{}
	if next, ok := free.NextWindow(time.Now()); ok || !free.InWindow(time.Now()) {
		t.Errorf("without windows any time will do: %s", next)
	}
}
