package translate

import (
	"strings"

	"caregate/fhir"
)

// xadConverter is an address: the table XAD, and its first two lines, which are items of one list.
type xadConverter struct{}

const (
	streetURL     = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName"
	houseURL      = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-houseNumber"
	streetLineURL = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetAddressLine"
	locatorURL    = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-additionalLocator"
)

func (xadConverter) to(c *call, v value) *fhir.Node {
	n := c.j.maps.composite("XAD").to(c, v)
	if n == nil {
		n = fhir.NewObject()
	}
	street(n, v.comp(1))
	if second := v.text(2); strings.TrimSpace(second) != "" {
		first := n.Get("line") != nil
		addPart(n, "line", second, nil)
		if !first {
			mark := fhir.NewObject()
			extend(mark, locatorURL, "valueString", fhir.NewString(second))
			markPart(n, "line", mark)
		}
	}
	evenParts(n, "line")
	if n.Len() == 0 {
		return nil
	}
	return validity(n)
}

// street adds the line of a street address (SAD): the line as it came, or its name and number.
func street(n *fhir.Node, v value) {
	line, name, house := v.text(1), v.text(2), v.text(3)
	mark := fhir.NewObject()
	extend(mark, streetURL, "valueString", textNode(name))
	extend(mark, houseURL, "valueString", textNode(house))
	if mark.Len() > 0 {
		extend(mark, streetLineURL, "valueString", textNode(line))
	} else {
		mark = nil
	}
	addMarked(n, "line", or(line, strings.Join(nonEmpty([]string{house, name}), " ")), mark)
}

func (xadConverter) from(c *call, n *fhir.Node) value {
	v := c.j.maps.composite("XAD").from(c, n)
	if same(n.Get("period"), extensionOf(n, validityURL, "valuePeriod")) {
		v = v.clear(13, 14)
	}
	lines := texts(n.Get("line"))
	if len(lines) > 0 && extensionOf(n.Get("_line").Item(0), locatorURL, "valueString").Text() == lines[0] {
		lines = append([]string{""}, lines...)
	}
	for i, line := range lines {
		switch i {
		case 0:
			v = v.setComp(1, unstreet(line, n.Get("_line").Item(0)))
		case 1:
			v = v.set(2, strings.Join(lines[1:], ", "))
		}
	}
	return v
}

// unstreet is the reverse of street; a line that was edited since has no parts.
func unstreet(line string, mark *fhir.Node) value {
	name, house := extensionOf(mark, streetURL, "valueString").Text(), extensionOf(mark, houseURL, "valueString").Text()
	sent := extensionOf(mark, streetLineURL, "valueString").Text()
	if name+house == "" || line != or(sent, strings.Join(nonEmpty([]string{house, name}), " ")) {
		return textValue(line)
	}
	return value(nil).set(1, sent).set(2, name).set(3, house)
}
