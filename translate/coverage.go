package translate

import (
	"cmp"
	"slices"
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

// Rows returns the rows of all segment and datatype tables, in the order of their
// names. It fails where a table of this build does not parse.
func Rows() ([]MapRow, error) {
	m, err := loaded()
	if err != nil {
		return nil, err
	}
	var rows []MapRow
	for _, tables := range []map[string]*table{m.segments, m.datatypes} {
		for _, t := range tables {
			for i := range t.rows {
				r := &t.rows[i]
				rows = append(rows, MapRow{Table: t.name, Field: r.field, Way: r.way, Target: r.target.text, Map: r.mapText(), Source: r.source})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b MapRow) int { return cmp.Compare(a.Table, b.Table) })
	return rows, nil
}
