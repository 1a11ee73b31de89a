package policy

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// law is the data of the bundles as far as Go reads it.
type law struct {
	reasons     map[string]string // code -> plain words
	protected   map[string]bool   // reasons, and labels, of which only the privacy officer is told
	obligations map[string]string // id -> phase
	changes     []string          // local days on which some rule starts or stops, sorted
	notices     map[string][]noticeText
}

// noticeText is the reference of one wording of a notice and its window.
type noticeText struct {
	window
	ref, text string
}

// newLaw reads and checks the data: every dated row has a readable window, and no two rows
// of one rule and jurisdiction are in force on one day.
func newLaw(data map[string]any) (*law, error) {
	l := &law{reasons: map[string]string{}, protected: map[string]bool{}, obligations: map[string]string{}, notices: map[string][]noticeText{}}
	for code, text := range table(data["reasons"]) {
		l.reasons[code], _ = text.(string)
	}
	for _, name := range []string{"protected", "protected_labels"} {
		for code := range table(data[name]) {
			l.protected[code] = true
		}
	}
	for id, row := range table(data["obligations"]) {
		phase, _ := table(row)["phase"].(string)
		if phase != "before" && phase != "after" {
			return nil, fmt.Errorf("obligation %s: phase must be before or after", id)
		}
		l.obligations[id] = phase
	}
	days := map[string]bool{}
	for _, name := range datedTables {
		if err := windows(data[name], name, days); err != nil {
			return nil, err
		}
	}
	l.readNotices(data["notices"])
	l.changes = slices.Sorted(maps.Keys(days))
	if len(l.reasons) == 0 || len(l.obligations) == 0 {
		return nil, fmt.Errorf("law has no reasons or no obligations")
	}
	return l, nil
}

func (l *law) readNotices(v any) {
	for id, rows := range table(v) {
		list, _ := rows.([]any)
		for _, row := range list {
			w, _ := windowOf(table(row)) // checked by windows
			ref, _ := table(row)["ref"].(string)
			text, _ := table(row)["text"].(string)
			l.notices[id] = append(l.notices[id], noticeText{w, ref, text})
		}
	}
}

func table(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// windows walks a table to its lists of dated rows.
func windows(v any, at string, days map[string]bool) error {
	rows, isList := v.([]any)
	if !isList {
		for key, sub := range table(v) {
			if err := windows(sub, at+"."+key, days); err != nil {
				return err
			}
		}
		return nil
	}
	var seen []window
	for i, row := range rows {
		w, err := windowOf(table(row))
		if err != nil {
			return fmt.Errorf("%s[%d]: %w", at, i, err)
		}
		if slices.ContainsFunc(seen, w.overlaps) {
			return fmt.Errorf("%s[%d]: is in force on a day on which another version is", at, i)
		}
		seen = append(seen, w)
		w.mark(days)
	}
	return nil
}

// window is the local days, inclusive, on which a row is in force.
type window struct{ from, to, jurisdiction string }

func windowOf(row map[string]any) (window, error) {
	w := window{to: "9999-12-31"}
	w.from, _ = row["from"].(string)
	w.jurisdiction, _ = row["jurisdiction"].(string)
	if to, ok := row["to"].(string); ok {
		w.to = to
	}
	for _, day := range []string{w.from, w.to} {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return w, fmt.Errorf("from and to must be days like 2026-02-16")
		}
	}
	return w, nil
}

func (w window) overlaps(o window) bool {
	return w.jurisdiction == o.jurisdiction && w.from <= o.to && o.from <= w.to
}

func (w window) mark(days map[string]bool) {
	days[w.from] = true
	if t, err := time.Parse(time.DateOnly, w.to); err == nil && t.Year() < 9999 {
		days[t.AddDate(0, 0, 1).Format(time.DateOnly)] = true
	}
}

// nextChange is the first instant after a local day at which some rule starts or stops; zero for never.
func (l *law) nextChange(localDate string, zone *time.Location) time.Time {
	i, exact := slices.BinarySearch(l.changes, localDate)
	if exact {
		i++
	}
	if i >= len(l.changes) {
		return time.Time{}
	}
	t, _ := time.ParseInLocation(time.DateOnly, l.changes[i], zone)
	return t
}
