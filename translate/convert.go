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
