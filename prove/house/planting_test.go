package house

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// planting replaces what a sample says by canaries: the same value by the same canary in every
// message, so that the messages still belong together.
type planting struct {
	places map[string]map[string]bool // where canaries stand, "PID-5" or "Patient.name.family" -> canaries
	kept   map[string]bool            // values that stand as they are, because nothing works without them
}

func newPlanting() *planting {
	return &planting{places: map[string]map[string]bool{}, kept: map[string]bool{}}
}

// plant returns the canary of a value and notes where it stands.
func (p *planting) plant(place, value string) string {
	c := canary(value)
	p.note(place, c)
	return c
}

func (p *planting) note(place, c string) {
	if p.places[place] == nil {
		p.places[place] = map[string]bool{}
	}
	p.places[place][c] = true
}

func (p *planting) keep(value string) string {
	p.kept[value] = true
	return value
}

// canaries are all of them, each once.
func (p *planting) canaries() []string {
	all := map[string]bool{}
	for _, here := range p.places {
		for c := range here {
			all[c] = true
		}
	}
	list := make([]string, 0, len(all))
	for c := range all {
		list = append(list, c)
	}
	slices.Sort(list)
	return list
}

var digits = regexp.MustCompile(`^[0-9][0-9-]{4,}$`)

// canary is 15 letters, or 14 digits for a number, that nothing else contains.
func canary(value string) string {
	sum := sha256.Sum256([]byte("canary|" + value))
	text := []byte("Kanar")
	if digits.MatchString(value) {
		text = []byte("7307")
	}
	for _, b := range sum[:10] {
		if text[0] == '7' {
			text = append(text, '0'+b%10)
		} else {
			text = append(text, 'a'+b%26)
		}
	}
	return string(text)
}

// What stays in HL7 v2: dates, codes of tables, and the assigners and numbers by which the
// gateway knows what belongs together.
var (
	v2Stays   = regexp.MustCompile(`^(?:[A-Z0-9]{0,3}|(?:19|20)\d\d[01]\d[0-3]\d(?:\d{4,6}(?:[+-]\d{4})?)?|HL7\d{4}|I10C|\d+(?:\.\d+){3,}|[A-Z]\d\d\.\d+|IL-[A-Z-]+|ZZCLINIC)$`)
	v2Numbers = map[string]bool{"RF1-6": true, "RF1-11": true, "ORC-2": true, "ORC-3": true, "OBR-2": true, "OBR-3": true, "MSA-1": true, "MSA-2": true, "ERR-2": true, "ERR-3": true}
	v2Names   = map[string]bool{"PID-5": true, "NK1-2": true, "PRD-2": true}
	v2Parts   = regexp.MustCompile(`[^~^&]+`)
)

// message plants canaries in every field of an HL7 v2 message but MSH, placer and filler numbers.
func (p *planting) message(t *testing.T, raw []byte) []byte {
	t.Helper()
	segments := strings.Split(string(raw), "\r")
	for i, segment := range segments {
		fields := strings.Split(segment, "|")
		if fields[0] == "MSH" || fields[0] == "" {
			continue
		}
		for n := 1; n < len(fields); n++ {
			place := fields[0] + "-" + strconv.Itoa(n)
			if v2Numbers[place] {
				continue
			}
			fields[n] = v2Parts.ReplaceAllStringFunc(fields[n], func(text string) string {
				switch {
				case place == "PID-7":
					p.note(place, text)
					p.note(place, text[:4]+"-"+text[4:6]+"-"+text[6:8])
					return text
				case v2Stays.MatchString(text) && (!v2Names[place] || len(text) > 1):
					return p.keep(text)
				}
				return p.plant(place, text)
			})
		}
		segments[i] = strings.Join(fields, "|")
	}
	return []byte(strings.Join(segments, "\r"))
}

// What stays in FHIR: elements of type code and uri, dates, and the ids of the organisations
// that the configuration names.
var (
	fhirStays = map[string]bool{
		"resourceType": true, "system": true, "code": true, "status": true, "intent": true, "type": true, "method": true, "use": true,
		"priority": true, "gender": true, "profile": true, "contentType": true, "hash": true, "uri": true, "authority": true,
		"valueCode": true, "questionnaire": true, "periodUnit": true, "category": true, "criticality": true,
	}
	fhirDates     = regexp.MustCompile(`^(?:19|20)\d\d(?:-\d\d(?:-\d\d(?:T.*)?)?)?$`)
	fhirRef       = regexp.MustCompile(`^((?:https://soc\.example\.org/fhir/)?([A-Z][A-Za-z]+)/)([A-Za-z0-9.-]+)$`)
	organisations = map[string]bool{
		"psych-clinic": true, "psych-clinic-north": true, "soc-agency": true, "il-dcfs": true, "il-dcfs-consent-unit": true, "school-district": true,
	}
	numbers = map[string]bool{"PLAC": true, "FILL": true} // types of identifiers (HL7 table 0203)
)

// resource plants canaries in every element of a resource or Bundle that is free to say what it will.
func (p *planting) resource(t *testing.T, body []byte) []byte {
	t.Helper()
	var root any
	if err := json.Unmarshal(body, &root); err != nil {
		t.Fatal(err)
	}
	p.walk("", "", root)
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// walk replaces strings in place and returns what stands for the value.
func (p *planting) walk(place, key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		if kind, ok := v["resourceType"].(string); ok && kind != "Bundle" {
			place = kind
		}
		numbered := numbers[code(v["type"])]
		for name, child := range v {
			if numbered && name == "value" {
				continue
			}
			v[name] = p.walk(strings.TrimPrefix(place+"."+name, "."), name, child)
		}
	case []any:
		for i := range v {
			v[i] = p.walk(place, key, v[i])
		}
	case string:
		return p.leaf(place, key, v)
	}
	return value
}

// code is the first code of a CodeableConcept.
func code(concept any) string {
	c, _ := concept.(map[string]any)
	list, _ := c["coding"].([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	text, _ := first["code"].(string)
	return text
}

func (p *planting) leaf(place, key, value string) string {
	if m := fhirRef.FindStringSubmatch(value); m != nil && (key == "reference" || key == "url" || key == "fullUrl") {
		return m[1] + p.id(place, m[3])
	}
	switch {
	case key == "id":
		return p.id(place, value)
	case key == "birthDate":
		p.note(place, value)
		p.note(place, strings.ReplaceAll(value, "-", ""))
		return value
	case key == "url" && strings.HasSuffix(place, "ttachment.url"):
		return value[:strings.LastIndex(value, "/")+1] + p.plant(place, value)
	case key == "state", key == "url", fhirStays[key], fhirDates.MatchString(value):
		return p.keep(value)
	case key == "div":
		return `<div xmlns="http://www.w3.org/1999/xhtml">` + p.plant(place, value) + `</div>`
	case key == "data":
		return base64.StdEncoding.EncodeToString([]byte(p.plant(place, value)))
	}
	return p.plant(place, value)
}

func (p *planting) id(place, id string) string {
	if organisations[id] {
		return p.keep(id)
	}
	return p.plant(place, id)
}
