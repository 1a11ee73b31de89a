package consent

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"caregate/fhir"
)

// drug is an ordered medication as far as an approval can speak of it.
type drug struct {
	codes  []coding
	words  []string
	daily  float64 // the most that may be given in a day
	unit   string
	dosed  bool // daily is known
	routes []*fhir.Node
	kind   string // request type, "" when not stated
}

// orderedDrug reads a MedicationRequest.
func orderedDrug(n *fhir.Node, kind string) drug {
	concept := n.Get("medicationCodeableConcept")
	for _, c := range n.Get("contained").Items() {
		if "#"+c.ID() == n.At("medicationReference.reference").Text() {
			concept = c.Get("code")
		}
	}
	d := drug{words: words(concept.Get("text").Text()), kind: kind}
	for c := range codings(concept) {
		d.codes = append(d.codes, c)
	}
	for _, dosage := range n.Get("dosageInstruction").Items() {
		d.routes = append(d.routes, dosage.Get("route"))
	}
	d.daily, d.unit, d.dosed = dailyDose(n.Get("dosageInstruction"))
	return d
}

// beyond answers why a provision does not cover the order, "" when it does.
func (d drug) beyond(p *fhir.Node) string {
	if !slices.ContainsFunc(items(p.Get("code")), d.is) {
		return "names another medication"
	}
	terms := approvalTerms(p)
	limit := terms.maximum
	switch {
	case limit == nil:
		return "names no highest daily dose"
	case !d.dosed:
		return "the order does not state its daily dose as dose and timing"
	case unitOf(limit) != d.unit:
		return "names the dose in another unit"
	case d.daily > number(limit.Get("value")):
		return "names a lower dose"
	case terms.minimum != nil && (unitOf(terms.minimum) != d.unit || d.daily < number(terms.minimum.Get("value"))):
		return "names a higher dose"
	case terms.route != nil && (len(d.routes) == 0 || slices.ContainsFunc(d.routes, func(r *fhir.Node) bool { return !sameConcept(r, terms.route) })):
		return "names another route"
	case d.kind != "" && len(terms.kinds) > 0 && !slices.Contains(terms.kinds, d.kind), d.kind == "" && slices.Contains(terms.kinds, MedicationEmergency):
		return "was given for another type of request"
	}
	return ""
}

// terms are the limits of an approval.
type terms struct {
	minimum, maximum, route *fhir.Node
	kinds                   []string
}

func approvalTerms(p *fhir.Node) terms {
	var t terms
	for _, ext := range p.Get("extension").Items() {
		if ext.Get("url").Text() != ExtensionMedicationApproval {
			continue
		}
		for _, part := range ext.Get("extension").Items() {
			switch part.Get("url").Text() {
			case "minimumDailyDose":
				t.minimum = part.Get("valueQuantity")
			case "maximumDailyDose":
				t.maximum = part.Get("valueQuantity")
			case "route":
				t.route = part.Get("valueCodeableConcept")
			case "requestType":
				t.kinds = append(t.kinds, part.Get("valueCode").Text())
			}
		}
	}
	return t
}

// is compares by code, and by the words of the name where both do not share a code system:
// every word of the approval, and nothing further but strength and form.
func (d drug) is(approved *fhir.Node) bool {
	shared := false
	for c := range codings(approved) {
		if slices.Contains(d.codes, c) {
			return true
		}
		shared = shared || slices.ContainsFunc(d.codes, func(own coding) bool { return own.system == c.system })
	}
	names := words(approved.Get("text").Text())
	if shared || len(names) == 0 || len(d.words) == 0 {
		return false
	}
	all := func(of, in []string) bool {
		return !slices.ContainsFunc(of, func(w string) bool { return !slices.Contains(in, w) })
	}
	return all(names, d.words) && all(d.words, names)
}

// words are the words of a medication's name without numbers, units and a dose that stands after a comma.
func words(name string) []string {
	name = strings.ToLower(name)
	if before, after, _ := strings.Cut(name, ","); strings.IndexFunc(strings.TrimSpace(after), unicode.IsDigit) == 0 {
		name = before // any other comma may part the ingredients of a combination
	}
	var out []string
	for w := range strings.FieldsFuncSeq(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		if w[0] >= '0' && w[0] <= '9' || slices.Contains([]string{"mg", "mcg", "g", "ml", "oral", "tablet", "capsule", "solution"}, w) {
			continue
		}
		out = append(out, w)
	}
	return out
}

// sameConcept compares routes by a code, else by text.
func sameConcept(a, b *fhir.Node) bool {
	for c := range codings(a) {
		if hasCoding(b, c.system, c.code) {
			return true
		}
	}
	text := a.Get("text").Text()
	return text != "" && strings.EqualFold(text, b.Get("text").Text())
}

// hours are the lengths of Timing.repeat.periodUnit (UCUM).
var hours = map[string]float64{"h": 1, "d": 24, "wk": 168}

// perDay are the timings by code (v3-GTSAbbreviation) and how often a day they are.
var perDay = map[string]float64{"QD": 1, "AM": 1, "PM": 1, "BED": 1, "QOD": 1, "BID": 2, "TID": 3, "QID": 4}

// dailyDose is the most of a medication that an order gives in a day; false when it cannot be
// told. Instructions add up, since nobody knows that they do not fall on one day.
func dailyDose(instructions *fhir.Node) (total float64, unit string, known bool) {
	for _, dosage := range instructions.Items() {
		dose, u, ok := doseOf(dosage)
		times := frequency(dosage.Get("timing"))
		if !ok || times == 0 || (known && u != unit) {
			return 0, "", false
		}
		total, unit, known = total+dose*times, u, true
	}
	return total, unit, known
}

// doseOf is the highest single dose of an instruction.
func doseOf(dosage *fhir.Node) (highest float64, unit string, known bool) {
	for _, rate := range dosage.Get("doseAndRate").Items() {
		q := rate.Get("doseQuantity")
		if q == nil {
			q = rate.At("doseRange.high")
		}
		if number(q.Get("value")) <= 0 || unitOf(q) == "" || (known && unitOf(q) != unit) {
			return 0, "", false
		}
		highest, unit, known = max(highest, number(q.Get("value"))), unitOf(q), true
	}
	return highest, unit, known
}

// frequency is how often a day at most, 0 when it cannot be told. Less than daily counts as once: that is the dose of its day.
func frequency(timing *fhir.Node) float64 {
	repeat := timing.Get("repeat")
	often := max(number(repeat.Get("frequency")), number(repeat.Get("frequencyMax")))
	length := number(repeat.Get("period")) * hours[repeat.Get("periodUnit").Text()]
	if often > 0 && length > 0 {
		return max(often, often*24/length)
	}
	for c := range codings(timing.Get("code")) {
		if n := perDay[c.code]; n > 0 {
			return n
		}
	}
	return 0
}

func unitOf(q *fhir.Node) string {
	if code := q.Get("code").Text(); code != "" {
		return code
	}
	return q.Get("unit").Text()
}

// number reads a decimal, 0 when there is none.
func number(n *fhir.Node) float64 {
	v, err := strconv.ParseFloat(string(n.JSON()), 64)
	if err != nil {
		return 0
	}
	return v
}

// asNeeded reports whether an order is PRN, by its elements or its words.
func asNeeded(n *fhir.Node) bool {
	return slices.ContainsFunc(items(n.Get("dosageInstruction")), func(d *fhir.Node) bool {
		needed := d.Get("asNeededBoolean").Text() == "true" || d.Get("asNeededCodeableConcept") != nil
		return needed || saysPRN(d.Get("text").Text()) || saysPRN(d.Get("patientInstruction").Text())
	})
}

func saysPRN(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "as needed") || strings.Contains(s, "if needed") || slices.Contains(strings.FieldsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' }), "prn")
}
