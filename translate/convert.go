package translate

import "caregate/fhir"

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

// converters are the datatypes and rules that are code; the others are tables.
var converters = map[string]converter{
	"attachment":   attachmentConverter{},
	"authority":    authorityConverter{},
	"beyond":       beyondConverter{},
	"CNE":          codingConverter{},
	"code":         codeConverter{},
	"coded":        codedNumberConverter{},
	"Coding":       oneCodingConverter{},
	"component":    componentConverter{},
	"constant":     constantConverter{},
	"CQ":           quantityConverter{},
	"CWE":          cweConverter{},
	"days":         daysConverter{},
	"document":     plainTextConverter{},
	"DR":           rangeOfTimeConverter{},
	"DTM":          dtmConverter{},
	"EIP":          pairConverter{},
	"endpoint":     endpointConverter{},
	"ERL":          locationConverter{},
	"id":           idConverter{},
	"ID":           tableConverter{},
	"integer":      integerConverter{},
	"label":        labelConverter{},
	"language":     languageConverter{},
	"lines":        linesConverter{},
	"link":         linkConverter{},
	"linked":       linkedConverter{},
	"minutes":      minutesConverter{},
	"MSG":          msgConverter{},
	"named":        namedConverter{},
	"NDL":          signerConverter{},
	"NM":           nmConverter{},
	"numbers":      numbersConverter{},
	"occurrence":   occurrenceConverter{},
	"order":        orderConverter{},
	"orders":       ordersConverter{},
	"organisation": organisationConverter{},
	"pair":         pairedConverter{},
	"party":        partyConverter{},
	"PL":           placeConverter{},
	"PLN":          numberConverter{},
	"positive":     positiveConverter{},
	"private":      silentConverter{},
	"PT":           processingConverter{},
	"race":         raceConverter{},
	"regimen":      regimenConverter{},
	"RPT":          repeatConverter{},
	"same":         sameConverter{},
	"SI":           setIDConverter{},
	"ST":           stConverter{},
	"taskstatus":   taskStatusConverter{},
	"thing":        thingConverter{},
	"TM":           timeConverter{},
	"token":        tokenConverter{},
	"typecode":     typeCodeConverter{},
	"uncoded":      uncodedConverter{},
	"units":        unitsConverter{},
	"universal":    universalConverter{},
	"uri":          uriConverter{},
	"varies":       variesConverter{},
	"withhold":     silentConverter{},
	"words":        wordsConverter{},
	"XAD":          xadConverter{},
	"XCN":          personConverter{},
	"XON":          xonConverter{},
	"XPN":          xpnConverter{},
	"XTN":          xtnConverter{},
	"yesno":        yesNoConverter{},
}

// converterFor returns the converter of a map name, nil for a name that no table has.
func (m *maps) converterFor(name string) converter {
	if k := converters[name]; k != nil {
		return k
	}
	if t := m.datatypes[name]; t != nil {
		return compositeConverter{t}
	}
	return nil
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
