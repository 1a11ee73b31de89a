package translate

import (
	"cmp"
	"slices"
	"strings"

	"caregate/fhir"
)

//go:generate go run ./internal/conceptmaps ../docs/fhir

// published are the maps that the official guide does not have, as tables of these names
// and of these segments; the code tables that their rows name are published with them.
var (
	publishedStructures = []string{"OSU_O51", "PGL_PC6", "PPG_PCG", "PPP_PCB", "PPR_PC1", "REF_I12", "RRI_I12"}
	publishedSegments   = []string{"ARV", "AUT", "CON", "CTD", "GOL", "ORC.ServiceRequest", "PRB", "PRD", "PTH", "RF1", "VAR"}
	publishedCodes      = []string{"0038.request", "0038.task", "0119.request", "0119.task", "0283.request", "0283.task"}
)

// ConceptMaps returns our maps for REF, RRI, OSU, CON, ARV, PRB, GOL and PTH as FHIR R4
// ConceptMap resources, in the order of their ids: what becomes of the segments of a
// structure, of the fields of a segment, of the codes of a table. Only rows towards FHIR
// are in them. It fails where a table of this build does not parse.
func ConceptMaps() ([]*fhir.Node, error) {
	m, err := loaded()
	if err != nil {
		return nil, err
	}
	var out []*fhir.Node
	for _, name := range publishedStructures {
		if s := m.structures[name]; s != nil {
			out = append(out, m.structureMap(s))
		}
	}
	codes := map[string]bool{}
	for _, name := range publishedCodes {
		codes[name] = true
	}
	for _, t := range m.segments {
		if len(t.rows) > 0 && (slices.Contains(publishedSegments, t.name) || slices.Contains(publishedSegments, t.segment)) {
			out = append(out, segmentMap(t))
			for i := range t.rows {
				codes[t.rows[i].arg0()] = true
			}
		}
	}
	for name := range codes {
		if t := m.codes[name]; t != nil {
			out = append(out, codeMap(t))
		}
	}
	slices.SortFunc(out, func(a, b *fhir.Node) int { return cmp.Compare(a.ID(), b.ID()) })
	return out, nil
}

// conceptMap is one map without its groups.
func conceptMap(kind, name, title string) *fhir.Node {
	id := kind + "-" + strings.ToLower(strings.NewReplacer(".", "-", "_", "-").Replace(name))
	n := fhir.NewResource("ConceptMap").SetText("id", id)
	n.SetText("url", "https://caregate.invalid/fhir/ConceptMap/"+id)
	n.SetText("name", "V2"+strings.NewReplacer(".", "", "_", "", "-", "").Replace(name))
	return n.SetText("title", title).SetText("status", "draft").SetText("copyright", "Apache-2.0")
}

// grouped adds one target, in the group of that target system and the element of that source.
func grouped(n *fhir.Node, source, target, code, to, equivalence, comment string) {
	var group *fhir.Node
	for _, g := range n.Get("group").Items() {
		if g.Get("target").Text() == target {
			group = g
		}
	}
	if group == nil {
		group = fhir.NewObject().SetText("source", source).SetText("target", target)
		n.Add("group", group)
	}
	var element *fhir.Node
	for _, e := range group.Get("element").Items() {
		if e.Get("code").Text() == code {
			element = e
		}
	}
	if element == nil {
		element = fhir.NewObject().SetText("code", code)
		group.Add("element", element)
	}
	element.Add("target", fhir.NewObject().SetText("code", to).SetText("equivalence", equivalence).SetText("comment", comment))
}

// v2Base is where the segments and structures of HL7 v2 are named in our ConceptMaps.
const v2Base = "https://caregate.invalid/v2/"

func (m *maps) structureMap(s *structure) *fhir.Node {
	n := conceptMap("structure", s.name, "HL7 v2 "+s.name+" to FHIR R4 resources")
	for i := range s.rows {
		r := &s.rows[i]
		t := m.segments[r.table]
		if t == nil {
			continue
		}
		for k := range t.rows {
			row := &t.rows[k]
			if row.mapName != "new" {
				continue
			}
			comment := "table " + t.name
			if len(r.under) > 0 {
				comment += ", under " + strings.Join(r.under, " or ")
			}
			grouped(n, v2Base+"structure/"+s.name, "http://hl7.org/fhir/resource-types", r.segment, typeOf(row.target.resource), "relatedto", comment)
		}
	}
	return n
}

// segmentMap says what becomes of each field; a row without one stands under the segment itself.
func segmentMap(t *table) *fhir.Node {
	n := conceptMap("segment", t.name, "HL7 v2 "+t.name+" to FHIR R4 elements")
	for i := range t.rows {
		r := &t.rows[i]
		if !r.forward() || slices.Contains(silent, r.mapName) {
			continue
		}
		code, equivalence := t.segment, "relatedto"
		if r.field > 0 {
			code += "-" + itoa(r.field)
		}
		if r.way == "<>" {
			equivalence = "equivalent"
		}
		comment := r.mapName
		if len(r.args) > 0 {
			comment += "(" + strings.Join(r.args, ",") + ")"
		}
		if r.cond != "" {
			comment += ", when " + r.cond
		}
		element := t.full(r)
		resource, _ := elementOf(element)
		grouped(n, v2Base+"segment/"+t.segment, "http://hl7.org/fhir/StructureDefinition/"+resource, code, element, equivalence, comment+"; "+r.source)
	}
	return n
}

// codeMap says what becomes of each code. A FHIR code "v3-ActCode|PSY" names its system.
func codeMap(t *codeTable) *fhir.Node {
	n := conceptMap("code", t.name, "HL7 v2 table "+t.v2+" to FHIR R4 codes")
	source := terminology + "v2-" + t.v2
	if t.v2[0] < '0' || t.v2[0] > '9' {
		source = v2Base + "codes/" + t.v2 // words of the standard; there is no table
	}
	for _, r := range t.rows {
		if r.way == "<" || r.code == "" {
			continue
		}
		equivalence := "equivalent"
		if r.way == ">" {
			equivalence = "wider"
		}
		system, code, named := strings.Cut(r.fhir, "|")
		if !named {
			system, code = "", r.fhir
		}
		if system != "" {
			system = systemName(system)
		}
		grouped(n, source, system, r.code, code, equivalence, r.display)
	}
	return n
}
