package hl7v2

import (
	_ "embed" // the names
	"strconv"
	"strings"
	"sync"
)

// names.tsv lists segments, fields and components: path, first version, datatype, name.
//
//go:embed names.tsv
var namesText string

// named is what a path is called from one version on.
type named struct{ from, datatype, name string }

// names holds the rows of names.tsv by path, "PID", "PID-3" or "CX.4", oldest version first.
var names = sync.OnceValue(func() map[string][]named {
	all := map[string][]named{}
	for line := range strings.Lines(namesText) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) == 4 {
			all[cells[0]] = append(all[cells[0]], named{cells[1], cells[2], cells[3]})
		}
	}
	return all
})

// SegmentName returns what a version of the standard calls a segment, "Patient Identification";
// "" for one that no version has. An unknown version counts as the newest.
func SegmentName(segment, version string) string {
	return nameIn(segment, version).name
}

// FieldName returns what a version of the standard calls a field, and its datatype: "Patient
// Identifier List", "CX". A field that came later has its later name; "" for one that no version has.
func FieldName(segment string, field int, version string) (name, datatype string) {
	n := nameIn(segment+"-"+strconv.Itoa(field), version)
	return n.name, n.datatype
}

// ComponentName returns what a version of the standard calls a component of a datatype, and
// its own datatype: of CX and 4 "Assigning Authority", "HD".
func ComponentName(datatype string, component int, version string) (name, of string) {
	n := nameIn(datatype+"."+strconv.Itoa(component), version)
	return n.name, n.datatype
}

// LastField returns the number of the last field that any version of the standard gives a
// segment, 0 for one that no version has.
func LastField(segment string) int {
	n := 0
	for nameIn(segment+"-"+strconv.Itoa(n+1), "").name != "" || nameIn(segment+"-"+strconv.Itoa(n+2), "").name != "" {
		n++
	}
	return n
}

// nameIn returns the last row that is not newer than the version, else the oldest.
func nameIn(path, version string) named {
	rows := names()[path]
	var best named
	for i, n := range rows {
		if i == 0 || !isVersion(version) || n.from <= version {
			best = n
		}
	}
	return best
}

// isVersion tells whether a text is a version that can be compared: 2.1 to 2.9, with or without a third number.
func isVersion(version string) bool {
	return len(version) >= 3 && version[:2] == "2." && version[2] >= '1' && version[2] <= '9' && (len(version) == 3 || version[3] == '.')
}
