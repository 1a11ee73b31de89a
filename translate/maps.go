package translate

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// tables holds the maps: segment/*.tsv, datatype/*.tsv, code/*.tsv, structure/*.tsv and the lists beside them.
//
//go:embed tables
var tables embed.FS

// maps is everything in tables, parsed.
type maps struct {
	segments   map[string]*table // by name, "PID" or "OBX.Observation"
	datatypes  map[string]*table // by name, "XAD"
	codes      map[string]*codeTable
	systems    []pair // v2 coding system name -> FHIR system
	structures map[string]*structure
	events     []event
	strays     []structureRow      // of segments that may stand anywhere
	withheld   map[string][]row    // by segment, what no profile lets in
	known      []Authority         // authorities that need no profile
	standard   map[string][]string // by HL7 table, codes that a table here may leave out
}

type pair struct{ v2, fhir string }

// event says which structure a message code and trigger have, and whose table reads it.
type event struct{ code, trigger, structure, table string }

// table is the map of one segment or datatype.
type table struct {
	name    string // "OBX.Observation"
	segment string // "OBX"
	rows    []row
	order   []int // fields in the order in which they are written back

	first     string   // the first resource that it makes
	fields    [][]*row // the rows of each field
	locations []string // "PID-3", by field
	kept      bool     // of no file: a Basic keeps every field
}

// makesFirst returns the name of the first resource that the table makes, "" for none.
func (t *table) makesFirst() string {
	if t == nil {
		return ""
	}
	return t.first
}

// row is one line of a segment or datatype table.
type row struct {
	field   int // 0: no source, a constant or a link
	way     string
	target  target
	mapName string
	convert converter // of the map; nil for a rule of the engine
	args    []string
	when    condition
	cond    string // when, as it is written
	source  string // row of the official guide, or "ours"
}

func (r row) forward() bool { return r.way != "<" }
func (r row) back() bool    { return r.way != ">" && r.field > 0 }

// codeTable maps the codes of one v2 table to one FHIR element.
type codeTable struct {
	name string // "0283.task"
	v2   string // "0283"
	rows []codeRow
}

type codeRow struct{ code, display, way, fhir string }

// structure is one message structure: which segment belongs under which, and its map.
type structure struct {
	table string // the file that reads it: several structures share one
	name  string
	rows  []structureRow
	many  map[string]bool // resources of which such a message may have several

	claims  map[string][]claimant // the rows that take items of a list on the way back
	fields  map[string][]*row     // "ORC-2": the rows of a field
	parents map[string][]string   // the segments that a table stands under
}

type structureRow struct {
	segment string
	group   int      // the first of the neighbouring rows that are written together
	under   []string // names of the segments it may belong to, nearest wins
	table   string   // name of its table, "*" for any place of ANY
	when    condition
	find    []string // resources that make such a segment on the way back
	needs   []int    // no segment unless one of these fields is valued
	send    string   // "all", "none", "only" (never on the way back), or the fields that an answer to a partner has
}

// loaded parses the tables once; a table that does not parse is an error of the build.
var loaded = sync.OnceValues(loadMaps)

func loadMaps() (*maps, error) {
	m := &maps{
		segments: map[string]*table{}, datatypes: map[string]*table{},
		codes: map[string]*codeTable{}, structures: map[string]*structure{}, standard: map[string][]string{}, withheld: map[string][]row{},
	}
	err := fs.WalkDir(tables, "tables", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".tsv") {
			return err
		}
		if err := m.load(file); err != nil {
			return fmt.Errorf("translate: %s: %w", file, err)
		}
		return nil
	})
	m.resolve(m.datatypes)
	m.resolve(m.segments)
	m.gatherStrays()
	m.shareStructures()
	for _, s := range m.structures {
		s.noteRows(m.segments, m.strays)
	}
	return m, err
}

// resolve gives each row whose map is a table its converter.
func (m *maps) resolve(tables map[string]*table) {
	for _, t := range tables {
		for i := range t.rows {
			if r := &t.rows[i]; m.datatypes[r.mapName] != nil && r.convert == nil {
				r.convert = compositeConverter{m.datatypes[r.mapName]}
			}
		}
	}
}

// noteWithheld enters the fields that hold what no profile lets in.
func (m *maps) noteWithheld(t *table) {
	for i := range t.rows {
		if t.rows[i].mapName == "withhold" {
			m.withheld[t.segment] = append(m.withheld[t.segment], t.rows[i])
		}
	}
}

// gatherStrays takes the rows of segments that may stand anywhere.
func (m *maps) gatherStrays() {
	if general := m.structures["ANY"]; general != nil {
		for i := range general.rows {
			if general.rows[i].anywhere() {
				m.strays = append(m.strays, general.rows[i])
			}
		}
	}
}

// shareStructures names each structure that another one's table reads.
func (m *maps) shareStructures() {
	for _, e := range m.events {
		if s := m.structures[e.table]; s != nil && m.structures[e.structure] == nil {
			shared := *s
			shared.name = e.structure
			m.structures[e.structure] = &shared
		}
	}
}

func (m *maps) load(file string) error {
	lines, err := readTSV(file)
	if err != nil {
		return err
	}
	name := strings.Replace(strings.TrimSuffix(path.Base(file), ".tsv"), "_.", ".", 1) // Windows has no file named CON
	switch path.Base(path.Dir(file)) {
	case "segment":
		if m.segments[name], err = newTable(name, lines); err == nil {
			m.noteWithheld(m.segments[name])
		}
	case "datatype":
		m.datatypes[name], err = newTable(name, lines)
	case "code":
		m.codes[name] = newCodeTable(name, lines)
	case "structure":
		m.structures[name], err = newStructure(name, lines)
	default:
		m.loadList(name, lines)
	}
	return err
}

func (m *maps) loadList(name string, lines [][]string) {
	for _, f := range lines {
		switch name {
		case "codesystems":
			m.systems = append(m.systems, pair{f[0], f[1]})
		case "authorities":
			m.known = append(m.known, Authority{Namespace: f[0], OID: f[1], System: f[2], Type: f[3]})
		case "standardcodes":
			m.standard[f[0]] = strings.Fields(f[1])
		case "events":
			m.events = append(m.events, event{f[0], f[1], f[2], f[3]})
		}
	}
}

// readTSV returns the cells of each line but the first (the heading), comments and
// empty lines left out; each line has at least 8 cells.
func readTSV(file string) ([][]string, error) {
	data, err := tables.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lines [][]string
	heading := true
	for line := range strings.SplitSeq(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if heading {
			heading = false
			continue
		}
		cells := strings.Split(line, "\t")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		for len(cells) < 8 {
			cells = append(cells, "")
		}
		lines = append(lines, cells)
	}
	return lines, nil
}

func newTable(name string, lines [][]string) (*table, error) {
	segment, _, _ := strings.Cut(name, ".")
	t := &table{name: name, segment: segment}
	for _, cells := range lines {
		r, err := newRow(segment, cells)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", strings.Join(cells[:4], " "), err)
		}
		t.rows = append(t.rows, r)
		t.noteOrder(r.field)
		if r.mapName == "new" && t.first == "" {
			t.first = r.target.resource
		}
	}
	t.indexFields()
	return t, nil
}

// indexFields enters the rows of each field.
func (t *table) indexFields() {
	last := 0
	for i := range t.rows {
		last = max(last, t.rows[i].field)
	}
	t.fields, t.locations = make([][]*row, last+1), make([]string, last+1)
	for n := range t.locations {
		t.locations[n] = t.segment + "-" + itoa(n)
	}
	for i := range t.rows {
		r := &t.rows[i]
		t.fields[r.field] = append(t.fields[r.field], r)
	}
}

// of returns the rows of a field.
func (t *table) of(n int) []*row {
	if n < 0 || n >= len(t.fields) {
		return nil
	}
	return t.fields[n]
}

// noteOrder keeps fields in the order of their first row: a field that another one's
// condition needs stands before it.
func (t *table) noteOrder(field int) {
	if slices.Contains(t.order, field) {
		return
	}
	if field > 0 {
		t.order = append(t.order, field)
	}
}

// newRow reads field, way, target, map, condition, source.
func newRow(segment string, cells []string) (row, error) {
	r := row{way: cells[1], source: cells[5]}
	var err error
	if cells[0] != "-" {
		digits := strings.TrimPrefix(strings.TrimPrefix(cells[0], segment), "-")
		if r.field, err = strconv.Atoi(strings.TrimPrefix(digits, ".")); err != nil {
			return row{}, fmt.Errorf("not a field of %s", segment)
		}
	}
	if r.way != "<>" && r.way != ">" && r.way != "<" {
		return row{}, fmt.Errorf("way is not <>, > or <")
	}
	if r.target, err = parseTarget(cells[2]); err != nil {
		return row{}, err
	}
	name, args, _ := strings.Cut(strings.TrimSuffix(cells[3], ")"), "(")
	r.mapName, r.convert = name, converters[name]
	if args != "" {
		r.args = strings.Split(args, ",")
	}
	r.cond = strings.TrimPrefix(cells[4], "-")
	r.when, err = parseCondition(cells[4])
	return r, err
}

func newCodeTable(name string, lines [][]string) *codeTable {
	v2, _, _ := strings.Cut(name, ".")
	t := &codeTable{name: name, v2: v2}
	for _, c := range lines {
		t.rows = append(t.rows, codeRow{c[0], c[1], c[2], c[3]})
	}
	return t
}

func newStructure(name string, lines [][]string) (*structure, error) {
	s := &structure{name: name, table: name, many: map[string]bool{}}
	for _, c := range lines {
		r := structureRow{segment: c[0], under: list(c[1]), table: c[2], find: list(c[4]), send: c[6]}
		var err error
		if r.when, err = parseCondition(c[3]); err != nil {
			return nil, err
		}
		for i, spec := range r.find {
			if bare, kind, several := strings.Cut(spec, "*"); several {
				name, _, _ := strings.Cut(bare, "[")
				s.many[or(kind, name)], r.find[i] = true, bare
			}
			if bare, _, ok := strings.Cut(spec, "[!"); ok {
				s.many[bare] = true
			}
		}
		for _, n := range list(c[5]) {
			field, err := strconv.Atoi(n)
			if err != nil {
				return nil, fmt.Errorf("row %s: needs: %w", c[0], err)
			}
			r.needs = append(r.needs, field)
		}
		if r.group = len(s.rows); r.group > 0 && s.rows[r.group-1].segment == r.segment {
			r.group = s.rows[r.group-1].group
		}
		s.rows = append(s.rows, r)
	}
	return s, nil
}

func list(cell string) []string {
	if cell == "" || cell == "-" {
		return nil
	}
	return strings.Split(cell, ",")
}

// structureOf returns the structure of a message code and trigger event, else the one
// that MSH-9.3 names, else that of any other trigger; nil for one without a table.
func (m *maps) structureOf(code, trigger, name string) *structure {
	for _, e := range m.events {
		if e.code == code && e.trigger == trigger {
			return m.structures[e.structure]
		}
	}
	if s := m.structures[name]; s != nil {
		return s
	}
	for _, e := range m.events {
		if e.code == code && e.trigger == "*" {
			return m.structures[e.structure]
		}
	}
	return nil
}
