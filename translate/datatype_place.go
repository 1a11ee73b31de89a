package translate

import (
	"strings"

	"caregate/fhir"
)

// placeURL is the extension that holds the parts of a location.
const placeURL = Extensions + "place"

// placeParts are the components of a PL and the names of their sub-extensions; those with a
// title are what a reader knows the place by.
var placeParts = []struct {
	comp   int
	name   string
	titled bool
}{
	{9, "description", true},
	{1, "pointOfCare", true},
	{2, "room", true},
	{3, "bed", true},
	{8, "floor", true},
	{7, "building", true},
	{4, "facility", true},
	{5, "status", false},
	{6, "type", false},
	{11, "authority", false},
}

// placeConverter is a location of the sender (PL) as a logical reference: a room is no
// resource of its own, and nothing is anonymous.
type placeConverter struct{}

func (placeConverter) to(c *call, v value) *fhir.Node {
	n, place := fhir.NewObject(), c.place(v)
	if place == nil && v.text(10) == "" {
		return nil
	}
	if place != nil {
		n.Add("extension", place)
	}
	n.SetText("type", "Location")
	if number := v.comp(10); number != nil {
		n.Set("identifier", c.j.maps.composite("EI").to(c.below(c.location, nil), number.authorized(v.comp(11))))
	}
	return n.SetText("display", title(v))
}

// place makes the extension of the parts, nil for none. A part with more than its name
// (HD) is a reference to what has the number.
func (c *call) place(v value) *fhir.Node {
	ext := fhir.NewObject().SetText("url", placeURL)
	for _, part := range placeParts {
		sub := fhir.NewObject().SetText("url", part.name)
		switch hd := v.comp(part.comp); {
		case len(hd) > 1:
			sub.Set("valueReference", partyConverter{}.to(c.below(c.location, nil), hd))
		case hd.text(1) != "":
			sub.SetText("valueString", hd.text(1))
		}
		if sub.Len() > 1 {
			ext.Add("extension", sub)
		}
	}
	if ext.Len() == 1 {
		return nil
	}
	return ext
}

// unplace is the reverse of place.
func (c *call) unplace(n *fhir.Node) value {
	var v value
	for _, ext := range n.Get("extension").Items() {
		if ext.Get("url").Text() != placeURL {
			continue
		}
		for _, part := range placeParts {
			v = v.set(part.comp, extensionOf(ext, part.name, "valueString").Text())
			if hd := extensionOf(ext, part.name, "valueReference"); hd != nil {
				v = v.setComp(part.comp, partyConverter{}.from(c.below(c.location, nil), hd))
			}
		}
	}
	return v
}

// authorized gives a number without an authority that of its location.
func (v value) authorized(hd value) value {
	if len(v) != 1 {
		return v
	}
	out := value(nil).setComp(1, v)
	for i := range hd {
		out = out.set(i+2, hd.text(i+1))
	}
	return out
}

// title is a location as one line.
func title(v value) string {
	var words []string
	for _, part := range placeParts {
		if text := v.text(part.comp); part.titled && text != "" {
			words = append(words, text)
		}
	}
	return strings.Join(words, ", ")
}

func (placeConverter) from(c *call, n *fhir.Node) value {
	v := c.unplace(n)
	if retitled(n, title(v)) {
		v = value(nil).set(9, n.Get("display").Text())
	}
	number := c.j.maps.composite("EI").from(c.below(c.location, nil), n.Get("identifier"))
	if at := v.comp(11); at != nil && len(number) > 0 && number.String() == value(nil).set(1, number.text(1)).authorized(at).String() {
		number = number[:1]
	}
	return v.setComp(10, number)
}

// placeOfSigner are the components of an NDL that stand in a PL.
var placeOfSigner = laidOut{4, 5, 6, 7, 8, 9, 10, 11}

// signerConverter is a person with the time and place of what they did (NDL), as a logical
// reference. Its argument is the resource type.
type signerConverter struct{}

// signedURL is the extension that says when somebody did it.
const signedURL = Extensions + "period"

func (signerConverter) to(c *call, v value) *fhir.Node {
	n := personConverter{}.to(c, fromCNN(v.comp(1)))
	if n == nil {
		return nil
	}
	extend(n, signedURL, "valuePeriod", c.span(v, 2, 3))
	if place := c.place(placeOfSigner.in(v)); place != nil {
		n.Add("extension", place)
	}
	return n
}

func (signerConverter) from(c *call, n *fhir.Node) value {
	if n.Get("type").Text() == "Organization" {
		return nil
	}
	v := value(nil).setComp(1, toCNN(personConverter{}.from(c, n)))
	if when := extensionOf(n, signedURL, "valuePeriod"); when != nil {
		v = c.unspan(v, when, 2, 3)
	}
	return placeOfSigner.back(v, c.unplace(n))
}

// fromCNN lays the components of a CNN out as an XCN: the authority is one component there.
func fromCNN(v value) value {
	hd := value(nil).setRaw(1, v.raw(9, 1)).setRaw(2, v.raw(10, 1)).setRaw(3, v.raw(11, 1))
	return laidOut{1, 2, 3, 4, 5, 6, 7, 8}.in(v).setComp(9, hd)
}

// toCNN is the reverse of fromCNN.
func toCNN(v value) value {
	cnn := laidOut{1, 2, 3, 4, 5, 6, 7, 8}.in(v)
	for i := range v.comp(9) {
		cnn = cnn.setComp(9+i, v.comp(9).comp(i+1))
	}
	return cnn
}
