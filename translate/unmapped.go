package translate

import (
	"regexp"
	"slices"
	"strings"
)

// DefaultHoldCodes are the code tables that decide what becomes of a child, an order or a
// release: what an unknown code of theirs means is not for a program to leave out. Status of
// orders (0038, 0119), referrals (0283), appointments (0278), consents (0498), documents (0271)
// and results (0085, 0123); confidentiality (0177, 0272, 0717, 0719, 0952, 0953).
var DefaultHoldCodes = []string{"0038", "0085", "0119", "0123", "0177", "0271", "0272", "0278", "0283", "0498", "0717", "0719", "0952", "0953"}

// Unmapped is a code that no table of the partner has, in a field that the profile's
// holdCodes name.
type Unmapped struct {
	Location string   // of the first field that has it: "RF1-1"
	Table    string   // HL7 table: "0283"
	Elements []string // code tables that lack it: "0283.request", "0283.task"
	Code     string   // the code; "" where the field holds something else than a plain code
	System   string   // its coding system as it was sent; "" for none
}

// plainCode is what is certainly a code, and not a word, a name, a number or a date of a person.
var plainCode = regexp.MustCompile(`^[A-Za-z0-9._+/-]{1,12}$`)

var manyDigits = regexp.MustCompile(`[0-9]{6}|[0-9-]{8}`)

// codeTables returns the code tables that decide a row: the first that has the code does.
func (r *row) codeTables() []string {
	switch {
	case !r.forward() || r.field == 0:
		return nil
	case r.mapName == "taskstatus":
		return []string{"0283.task"}
	case r.mapName == "code", r.mapName == "label" && r.arg(1) != "only":
		return []string{r.arg0()}
	case r.mapName == "order" && r.field == 1 && r.arg0() != "event":
		return []string{"0119." + r.arg0(), "0119.end-" + r.arg0()}
	case r.mapName == "order" && r.field == 5 && r.arg0() != "status":
		return []string{"0038." + r.arg0()}
	}
	return nil
}

// unmapped lists the unknown codes in fields whose table the profile holds, each once.
func (b *builder) unmapped() []Unmapped {
	var out []Unmapped
	if len(b.p.HoldCodes) == 0 {
		return nil
	}
	for _, f := range b.frames {
		if f.table == nil {
			continue
		}
		for i := range f.table.rows {
			r := &f.table.rows[i]
			tables := r.codeTables()
			if len(tables) == 0 || !b.p.holds(tables[0]) || !b.wanted(f, r) || !b.holds(r.when, f) {
				continue
			}
			for n, raw := range f.seg.reps(r.field) {
				if u, ok := b.lacking(tables, parseValue(raw)); ok {
					u.Location = b.repLocation(f, r.field, n)
					out = addUnmapped(out, u)
				}
			}
		}
	}
	return out
}

// wanted tells whether the resource of a row is there, or would be if its code had a meaning.
func (b *builder) wanted(f *frame, r *row) bool {
	if b.lookup(f, r.target.resource) != nil {
		return true
	}
	return slices.ContainsFunc(f.table.rows, func(n row) bool {
		return n.mapName == "new" && n.target.resource == r.target.resource && len(n.args) > 1 &&
			r.target.text == n.target.resource+"."+n.args[1] && b.holds(n.when, f)
	})
}

// lacking says whether no table has the code of a field. A code of the standard that the
// tables leave out says nothing by decision; a label in a system that is known is one.
func (b *builder) lacking(tables []string, v value) (Unmapped, bool) {
	v2, _, _ := strings.Cut(tables[0], ".")
	u := Unmapped{Table: v2, Elements: tables[:1], Code: v.text(1), System: v.text(3)}
	if u.Code == "" || u.Code == null || slices.Contains(b.maps.standard[v2], u.Code) {
		return u, false
	}
	if system := b.systemOf(u.System); system != "" && system != terminology+"v2-"+v2 && b.p.Codes[tables[0]][u.Code] == "" {
		return u, !strings.HasSuffix(tables[0], ".label")
	}
	for _, t := range tables {
		code := codeIn(b.job, v, t)
		if strings.HasPrefix(t, "0119") || strings.HasPrefix(t, "0038") {
			code = u.Code // an order's codes are read whatever system they name
		}
		if b.toFHIR(t, code) != "" {
			return u, false
		}
	}
	if !plainCode.MatchString(u.Code) || manyDigits.MatchString(u.Code) {
		u.Code = ""
	}
	if !plainCode.MatchString(u.System) {
		u.System = ""
	}
	return u, true
}

// addUnmapped puts the elements of one code together.
func addUnmapped(list []Unmapped, u Unmapped) []Unmapped {
	for i := range list {
		if have := &list[i]; have.Table == u.Table && have.Code == u.Code && (u.Code != "" || have.Location == u.Location) {
			for _, e := range u.Elements {
				if !slices.Contains(have.Elements, e) {
					have.Elements = append(have.Elements, e)
				}
			}
			return list
		}
	}
	u.Elements = slices.Clone(u.Elements)
	return append(list, u)
}

// holds tells whether a message waits for an unknown code of a table, "0283.task".
func (p Profile) holds(table string) bool {
	v2, _, _ := strings.Cut(table, ".")
	return slices.Contains(p.HoldCodes, v2) || slices.Contains(p.HoldCodes, "all")
}

// Meaning is what a code means for one element, and the code table that says so.
type Meaning struct{ Table, Code string }

// Meanings returns what the codes of a code table mean, "0283.task": by v2 code, and by the
// FHIR codes that the element may have. Codes that end an order have a table of their own,
// which comes before. Both are empty for a table that is not there.
func Meanings(table string) (byV2, byFHIR map[string]Meaning, err error) {
	m, err := loaded()
	if err != nil {
		return nil, nil, err
	}
	byV2, byFHIR = map[string]Meaning{}, map[string]Meaning{}
	for _, name := range []string{strings.Replace(table, ".", ".end-", 1), table} {
		t := m.codes[name]
		if t == nil {
			continue
		}
		for _, r := range t.rows {
			if _, known := byV2[r.code]; !known && r.way != "<" {
				byV2[r.code] = Meaning{name, r.fhir}
			}
			if _, known := byFHIR[r.fhir]; !known {
				byFHIR[r.fhir] = Meaning{name, r.fhir}
			}
		}
	}
	return byV2, byFHIR, nil
}
