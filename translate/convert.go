package translate

import (
	"regexp"
	"strings"

	"caregate/fhir"
)

// converter is one datatype in both directions. to returns nil for nothing; from
// returns an empty value where v2 cannot say it.
type converter interface {
	to(c *call, v value) *fhir.Node
	from(c *call, n *fhir.Node) value
}

// call is one use of a converter.
type call struct {
	j        *job
	f        *frame
	args     []string
	location string     // "PID-3[2]"; components are added as it goes down
	quiet    bool       // a check: issues were reported before
	choice   string     // the suffix of value[x]
	rep      int        // which repetition of its field, 0-based
	field    int        // on the way back, the field that is written
	keep     bool       // no other row keeps a code that FHIR cannot say
	beside   *fhir.Node // "_name" of the primitive: its extensions, made by to and read by from
}

// borrow returns a call of this job, in the room of one that is over where there is one.
func (j *job) borrow(c call) *call {
	at := j.idle
	if at == nil {
		at = &call{}
	}
	j.idle, c.j = nil, j
	*at = c
	return at
}

func (c *call) arg(i int) string {
	if i < len(c.args) {
		return c.args[i]
	}
	return ""
}

// report adds an issue at the location.
func (c *call) report(code, text string) {
	if !c.quiet {
		c.j.report(c.location, code, text)
	}
}

// silent returns the call without reports: they were made where the field itself was read.
func (c *call) silent() *call {
	c.quiet = true
	return c
}

// below returns the call for one component.
func (c *call) below(location string, args []string) *call {
	d := *c
	d.location, d.args, d.beside = location, args, nil
	return &d
}

// converterFor returns the converter of a map name, nil for a name that no table has.
func (m *maps) converterFor(name string) converter {
	switch name {
	case "ST":
		return stConverter{}
	case "lines":
		return linesConverter{}
	case "document":
		return plainTextConverter{}
	case "attachment":
		return attachmentConverter{}
	case "pair":
		return pairedConverter{}
	case "orders":
		return ordersConverter{}
	case "numbers":
		return numbersConverter{}
	case "component":
		return componentConverter{}
	case "link":
		return linkConverter{}
	case "EIP":
		return pairConverter{}
	case "NDL":
		return signerConverter{}
	case "DR":
		return rangeOfTimeConverter{}
	case "thing":
		return thingConverter{}
	case "coded":
		return codedNumberConverter{}
	case "NM":
		return nmConverter{}
	case "id":
		return idConverter{}
	case "SI":
		return setIDConverter{}
	case "DTM":
		return dtmConverter{}
	case "code":
		return codeConverter{}
	case "CWE":
		return cweConverter{}
	case "CNE":
		return codingConverter{}
	case "universal":
		return universalConverter{}
	case "authority":
		return authorityConverter{}
	case "endpoint":
		return endpointConverter{}
	case "party":
		return partyConverter{}
	case "PLN":
		return numberConverter{}
	case "typecode":
		return typeCodeConverter{}
	case "XPN":
		return xpnConverter{}
	case "XTN":
		return xtnConverter{}
	case "XAD":
		return xadConverter{}
	case "XON":
		return xonConverter{}
	case "uncoded":
		return uncodedConverter{}
	case "MSG":
		return msgConverter{}
	case "PT":
		return processingConverter{}
	case "token":
		return tokenConverter{}
	case "language":
		return languageConverter{}
	case "beyond":
		return beyondConverter{}
	case "uri":
		return uriConverter{}
	case "race":
		return raceConverter{}
	case "varies":
		return variesConverter{}
	case "constant":
		return constantConverter{}
	case "linked":
		return linkedConverter{}
	case "same":
		return sameConverter{}
	case "regimen":
		return regimenConverter{}
	case "yesno":
		return yesNoConverter{}
	case "integer":
		return integerConverter{}
	case "ERL":
		return locationConverter{}
	case "private", "withhold":
		return silentConverter{}
	case "XCN":
		return personConverter{}
	case "PL":
		return placeConverter{}
	case "label":
		return labelConverter{}
	case "organisation":
		return organisationConverter{}
	case "named":
		return namedConverter{}
	case "positive":
		return positiveConverter{}
	case "Coding":
		return oneCodingConverter{}
	case "days":
		return daysConverter{}
	case "ID":
		return tableConverter{}
	case "order":
		return orderConverter{}
	case "TM":
		return timeConverter{}
	case "CQ":
		return quantityConverter{}
	case "units":
		return unitsConverter{}
	case "occurrence":
		return occurrenceConverter{}
	case "RPT":
		return repeatConverter{}
	case "minutes":
		return minutesConverter{}
	case "words":
		return wordsConverter{}
	case "taskstatus":
		return taskStatusConverter{}
	}
	if t := m.datatypes[name]; t != nil {
		return compositeConverter{t}
	}
	return nil
}

// composite returns the table of a datatype.
func (m *maps) composite(name string) compositeConverter {
	return compositeConverter{m.datatypes[name]}
}

// compositeConverter is a datatype whose map is a table.
type compositeConverter struct{ t *table }

func (k compositeConverter) to(c *call, v value) *fhir.Node {
	obj := fhir.NewObject()
	for i := range k.t.rows {
		r := &k.t.rows[i]
		sub := r.part(v)
		if !r.forward() || len(sub) == 0 || r.field == 0 {
			continue
		}
		d := c.j.borrow(*c)
		d.args, d.beside = r.args, nil
		if !c.quiet {
			d.location = c.location + "." + itoa(r.field)
		}
		d.keep = r.way == "<>"
		node := c.j.maps.converterFor(r.mapName).to(d, sub)
		if r.way == ">" {
			d.beside = nil
		}
		if node != nil || d.beside != nil {
			merge(r.target, obj, node, d.beside)
		}
		c.j.idle = d
	}
	if obj.Len() == 0 {
		return nil
	}
	for i := range k.t.rows {
		if r := &k.t.rows[i]; r.field == 0 {
			r.target.put(obj, fhir.NewString(r.arg0()), "") // what no component says
		}
	}
	return obj
}

// part returns the component of the row; "rest" stands for it and all that follow.
func (r *row) part(v value) value {
	if len(r.args) == 0 || r.args[0] != "rest" {
		return v.comp(r.field)
	}
	if len(v) < r.field {
		return nil
	}
	rest := v[r.field-1 : min(len(v), r.field+2)]
	if rest.empty() {
		return nil
	}
	return rest
}

// merge puts node at the target, into an object that already stands there, and the
// extensions of a primitive beside it.
func merge(t target, root, node, beside *fhir.Node) {
	at := place{node: root}
	if len(t.steps) > 0 {
		found := t.find(root)
		if len(found) == 0 || found[0].node.Kind() != fhir.Object {
			if p, ok := t.put(root, node, ""); ok {
				p.annotate(beside)
			}
			return
		}
		at = found[0]
	}
	mergeDeep(at.node, node)
}

func (k compositeConverter) from(c *call, n *fhir.Node) value {
	var v value
	for i := range k.t.rows {
		r := &k.t.rows[i]
		if !r.back() || v.has(r.field) {
			continue
		}
		var room [4]place
		for _, p := range r.target.findIn(room[:0], n) {
			if c.arg(0) == "marked" && c.j.wayBack && c.f != nil && !p.saidBy(c) {
				break
			}
			d := c.j.borrow(*c)
			d.args, d.beside = r.args, p.annotations()
			sub := c.j.maps.converterFor(r.mapName).from(d, p.node)
			if r.arg0() == "rest" {
				for i, comp := range sub {
					v = v.setComp(r.field+i, value{comp})
				}
			} else {
				v = v.setComp(r.field, sub)
			}
			c.j.idle = d
			break
		}
	}
	return v
}

// arg returns an argument of the row's map, "" where it has none.
func (r *row) arg(i int) string {
	if i < len(r.args) {
		return r.args[i]
	}
	return ""
}

func (r *row) arg0() string {
	if len(r.args) == 0 {
		return ""
	}
	return r.args[0]
}

// partial is a datatype that is only a part of its element: others write there too.
type partial interface {
	part(n *fhir.Node) *fhir.Node
}

// part returns what the rows of the table are about.
func (k compositeConverter) part(n *fhir.Node) *fhir.Node {
	out := fhir.NewObject()
	for i := range k.t.rows {
		t := k.t.rows[i].target
		if len(t.steps) == 0 {
			continue
		}
		for _, p := range t.find(n) {
			if node := p.bare(); node != nil {
				merge(t, out, node.Clone(), p.annotations().Clone())
			}
			break
		}
	}
	return out
}

// partOf copies the named members of an object.
func partOf(n *fhir.Node, names ...string) *fhir.Node {
	out := fhir.NewObject()
	for _, name := range names {
		out.Set(name, n.Get(name))
	}
	return out
}

// mergeDeep adds the members of node to those of an object that already stands there; lists of extensions grow.
func mergeDeep(to, node *fhir.Node) {
	for name, child := range node.Members() {
		have := to.Get(name)
		switch {
		case have == nil:
			to.Set(name, child)
		case have.Kind() == fhir.Object && child.Kind() == fhir.Object:
			mergeDeep(have, child)
		case name == "extension":
			for _, ext := range child.Items() {
				have.Append(ext)
			}
		}
	}
}

// stConverter is a text.
type stConverter struct{}

func (stConverter) to(_ *call, v value) *fhir.Node { return textNode(v.text(1)) }

func (stConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

func textNode(s string) *fhir.Node {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return fhir.NewString(s)
}

// linesConverter is a text whose repetitions are its lines; the engine hands over all of them as one value each.
type linesConverter struct{}

// repeatedURL says that the lines of a text were repetitions.
const repeatedURL = Extensions + "repeated"

func (linesConverter) to(c *call, v value) *fhir.Node {
	var lines []string
	for i := range v {
		lines = append(lines, unescape(strings.Join(v[i], "&")))
	}
	if text := strings.Join(lines, "\n"); strings.Count(text, "\n") == len(v)-1 && len(v) > 1 && lines[len(v)-1] != "" {
		c.annotate(repeatedURL, "valueBoolean", fhir.NewBool(true))
	}
	return textNode(strings.Join(lines, "\n"))
}

func (linesConverter) from(c *call, n *fhir.Node) value {
	if !c.j.wayBack || extensionOf(c.beside, repeatedURL, "valueBoolean").Text() != "true" {
		return textValue(n.Text())
	}
	lines := strings.Split(n.Text(), "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return value{{strings.Join(lines, "~")}}
}

var (
	decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	fhirID  = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
)

// nmConverter is a number whose digits are kept as they were written.
type nmConverter struct{}

func (nmConverter) to(c *call, v value) *fhir.Node {
	sent := v.text(1)
	s := plainNumber(sent)
	if !decimal.MatchString(s) {
		c.report(IssueBadValue, "not a number; left out and carried")
		return nil
	}
	if s != sent {
		c.annotate(renderedURL, "valueString", textNode(sent))
	}
	return fhir.NewNumber(s)
}

// renderedURL is a value as it was written, where FHIR writes it otherwise.
const renderedURL = "http://hl7.org/fhir/StructureDefinition/rendered-value"

// plainNumber writes a number without what JSON does not take: a plus sign, leading zeros
// or none, a point at the end.
func plainNumber(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	s, minus := strings.CutPrefix(s, "-")
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	s = strings.TrimSuffix(s, ".")
	if minus {
		return "-" + s
	}
	return s
}

func (nmConverter) from(c *call, n *fhir.Node) value {
	if sent := extensionOf(c.beside, renderedURL, "valueString").Text(); sent != "" && plainNumber(sent) == n.Text() {
		return textValue(sent)
	}
	return textValue(n.Text())
}

// idConverter is a text that FHIR only takes in the form of its datatype id.
type idConverter struct{}

func (idConverter) to(c *call, v value) *fhir.Node {
	s := v.text(1)
	if !fhirID.MatchString(s) {
		c.report(IssueBadValue, "not of the FHIR datatype id; left out and carried")
		return nil
	}
	return fhir.NewString(s)
}

func (idConverter) from(_ *call, n *fhir.Node) value { return textValue(n.Text()) }

// setIDConverter numbers the segments of one kind on the way back.
type setIDConverter struct{}

func (setIDConverter) to(*call, value) *fhir.Node { return nil }

func (setIDConverter) from(c *call, _ *fhir.Node) value { return textValue(itoa(c.f.ordinal)) }

// constantConverter stands for a fixed value on the way back, "code^display^system".
type constantConverter struct{}

func (constantConverter) to(*call, value) *fhir.Node { return nil }

func (constantConverter) from(c *call, _ *fhir.Node) value {
	return parseValue(strings.Join(c.args, ","))
}

// sameConverter stands for a field that repeats what another field of the message already
// said: to a partner always, in a message that is rebuilt only where it stood.
type sameConverter struct{}

func (sameConverter) to(*call, value) *fhir.Node { return nil }

func (sameConverter) from(c *call, n *fhir.Node) value {
	ref, ok := parseRef(c.arg(0))
	if !ok || (c.j.wayBack && !c.j.saysToo(n, c.j.carrierName(c.f, c.field))) {
		return nil
	}
	v := parseValue(c.j.nearest(c.f, ref.segment).field(ref.field))
	if ref.comp > 0 {
		return v.comp(ref.comp)
	}
	return v
}
