package translate

import (
	"cmp"
	"slices"
	"strings"
)

// MapRow is one line of the maps, for people who ask what is mapped where and why.
type MapRow struct {
	Table  string `json:"table"`  // "PID", "OBX.Observation", "XAD"
	Field  int    `json:"field"`  // field or component; 0 for a constant or link
	Way    string `json:"way"`    // "<>", ">" or "<"
	Target string `json:"target"` // FHIR element
	Map    string `json:"map"`    // datatype or rule
	Source string `json:"source"` // row of the official guide, or "ours"
}

// Coverage returns the rows of all segment and datatype tables, in the order of their
// names. It fails where a table of this build does not parse.
func Coverage() ([]MapRow, error) {
	m, err := loaded()
	if err != nil {
		return nil, err
	}
	var rows []MapRow
	for _, tables := range []map[string]*table{m.segments, m.datatypes} {
		for _, t := range tables {
			for _, r := range t.rows {
				name := r.mapName
				if len(r.args) > 0 {
					name += "(" + strings.Join(r.args, ",") + ")"
				}
				rows = append(rows, MapRow{Table: t.name, Field: r.field, Way: r.way, Target: r.target.text, Map: name, Source: r.source})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b MapRow) int { return cmp.Compare(a.Table, b.Table) })
	return rows, nil
}

// Deviation is one place where the maps differ from the official guide, and why.
type Deviation struct{ Where, Guide, Ours, Reason string }

// Deviations returns them in the order of the file.
func Deviations() ([]Deviation, error) {
	lines, err := readTSV("tables/deviations.tsv")
	if err != nil {
		return nil, err
	}
	out := make([]Deviation, 0, len(lines))
	for _, f := range lines {
		out = append(out, Deviation{Where: f[0], Guide: f[1], Ours: f[2], Reason: f[3]})
	}
	return out, nil
}
