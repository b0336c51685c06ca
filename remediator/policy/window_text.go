package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // many nodes have no zones of their own
)

const minutesOfDay = 24 * 60

var windowForm = regexp.MustCompile(`^(\S+) ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})(?: (\S+))?$`)

// parseWindow reads a window. An error says what to write instead.
func parseWindow(text string) (w Window, err error) {
	m := windowForm.FindStringSubmatch(text)
	if m == nil {
		return w, fmt.Errorf("must be days, times and a zone, such as %q", exampleWindow)
	}
	w.text = text
	if w.days, err = parseDays(m[1]); err != nil {
		return w, err
	}
	if w.from, err = parseMinutes(m[2]); err != nil {
		return w, err
	}
	if w.to, err = parseMinutes(m[3]); err != nil {
		return w, err
	}
	switch {
	case w.from == minutesOfDay:
		return w, errors.New("24:00 is an end only: begin at 00:00 of the next day")
	case w.from == w.to:
		return w, errors.New("begins and ends at the same time: for a whole day write 00:00-24:00")
	}
	w.zone, err = parseZone(m[4])
	return w, err
}

var dayNames = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// parseDays reads daily, or a list of days and ranges such as Mon-Thu,Sat. A
// range may go past the end of the week.
func parseDays(text string) (days [7]bool, err error) {
	if text == "daily" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(item, "-")
		first, last := slices.Index(dayNames, from), slices.Index(dayNames, to)
		if !isRange {
			last = first
		}
		if first < 0 || last < 0 {
			return days, fmt.Errorf("%s is no day: use %s, a range such as Mon-Fri, a list such as Sat,Sun, or daily",
				quote(item), strings.Join(dayNames, ", "))
		}
		for day := first; ; day = (day + 1) % 7 {
			days[day] = true
			if day == last {
				break
			}
		}
	}
	return days, nil
}

// parseMinutes reads a time of the day from 00:00 to 24:00.
func parseMinutes(text string) (int, error) {
	hour, _ := strconv.Atoi(text[:2])
	minute, _ := strconv.Atoi(text[3:])
	if minute > 59 || hour > 24 || hour == 24 && minute > 0 {
		return 0, fmt.Errorf("%s is no time of the day: use 00:00 to 24:00", text)
	}
	return hour*60 + minute, nil
}

// parseZone finds a zone by its name; without one it is UTC. The machine's own
// is refused: one policy would mean another time on every node.
func parseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || zone == time.Local {
		return nil, fmt.Errorf("%s is no time zone: use a name such as Europe/Berlin, or UTC", quote(name))
	}
	return zone, nil
}
