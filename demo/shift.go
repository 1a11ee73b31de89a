// Package demo plays the story of Caregate over real sockets: partner simulators on
// loopback, the gateway on embedded defaults, synthetic people. Every line it prints is
// computed from the ledger and from the bytes that the simulators received.
package demo

import (
	"regexp"
	"time"
)

// reference is the day the flow payloads were written for.
var reference = time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)

// Dates in the payloads: FHIR dates, and HL7 v2 dates that begin a field, component or repetition.
var (
	fhirDate = regexp.MustCompile(`\b20\d\d-[01]\d-[0-3]\d`)
	v2Date   = regexp.MustCompile(`[|^~]20\d\d[01]\d[0-3]\d(?:[0-2]\d[0-5]\d(?:[0-5]\d)?(?:[+-]\d{4})?)?\b`)
)

// Shift moves every date of a payload by the days between the day it was written for and
// today, birth dates included: the child stays ten years old whenever the demo runs.
func Shift(payload []byte, today time.Time) []byte {
	days := int(today.UTC().Truncate(24*time.Hour).Sub(reference).Hours() / 24)
	payload = fhirDate.ReplaceAllFunc(payload, func(d []byte) []byte { return moved(d, "2006-01-02", days) })
	return v2Date.ReplaceAllFunc(payload, func(d []byte) []byte {
		out := append([]byte{d[0]}, moved(d[1:9], "20060102", days)...)
		return append(out, d[9:]...)
	})
}

func moved(date []byte, layout string, days int) []byte {
	t, err := time.Parse(layout, string(date))
	if err != nil {
		return date
	}
	return []byte(t.AddDate(0, 0, days).Format(layout))
}
