package policy

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	yamlast "github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/open-policy-agent/opa/v1/ast"
)

// lawTable is the data.yaml of a bundle, with the lines on which its values stand.
type lawTable struct {
	file string
	doc  map[string]any
	line map[string]int // by path, "rules.NJ-HIV-01[0].cite"
}

// data checks the form of a data file: tables, dated rows, phases of obligations.
func (c *lawCheck) data(folder string, text []byte) {
	name := path.Join(folder, "data.yaml")
	t := &lawTable{file: name, line: map[string]int{}}
	file, err := parser.ParseBytes(text, 0)
	if err == nil {
		err = yaml.Unmarshal(text, &t.doc)
	}
	if err != nil {
		line := 0
		if at, ok := err.(yaml.Error); ok && at.GetToken() != nil { //nolint:errorlint // the parser's own error, never wrapped
			line = at.GetToken().Position.Line
		}
		c.report(name, line, "not valid YAML: %s", firstLine(err))
		return
	}
	for _, doc := range file.Docs {
		t.locate("", doc.Body)
	}
	c.tables[folder] = t
	for _, table := range datedTables {
		c.rows(t, table, t.doc[table])
	}
	for id, row := range table(t.doc["obligations"]) {
		if phase := table(row)["phase"]; phase != "before" && phase != "after" {
			c.report(name, t.line["obligations."+id], "the obligation %s needs phase: before (what must be done first) or after", id)
		}
	}
}

// datedTables are the tables of data.yaml whose rows have dates and citations.
var datedTables = []string{"rules", "notices", "minor_consent", "medication_approval", "joint_minor_consent", "majority", "service_withheld"}

// locate notes the lines of everything below a node.
func (t *lawTable) locate(at string, n yamlast.Node) {
	switch n := n.(type) {
	case *yamlast.MappingNode:
		for _, entry := range n.Values {
			t.locate(at, entry)
		}
	case *yamlast.MappingValueNode:
		below := strings.TrimPrefix(at+"."+strings.Trim(n.Key.GetToken().Value, `"'`), ".")
		t.line[below] = n.Key.GetToken().Position.Line
		t.locate(below, n.Value)
	case *yamlast.SequenceNode:
		for i, item := range n.Values {
			below := fmt.Sprintf("%s[%d]", at, i)
			t.line[below] = item.GetToken().Position.Line
			t.locate(below, item)
		}
	}
}

// rows checks the dated rows below a table.
func (c *lawCheck) rows(t *lawTable, at string, v any) {
	list, isList := v.([]any)
	if !isList {
		for key, sub := range table(v) {
			c.rows(t, at+"."+key, sub)
		}
		return
	}
	var seen []window
	for i, row := range list {
		place := fmt.Sprintf("%s[%d]", at, i)
		c.row(t, place, table(row))
		w, err := windowOf(table(row))
		switch {
		case err != nil:
			c.report(t.file, t.line[place], "%s", err)
		case w.to < w.from:
			c.report(t.file, t.line[place], "the row ends before it begins")
		case slices.ContainsFunc(seen, w.overlaps):
			c.report(t.file, t.line[place], "the row is in force on a day on which another version is: end that one the day before")
		}
		seen = append(seen, w)
	}
}

// row checks that a row says which law it is.
func (c *lawCheck) row(t *lawTable, place string, row map[string]any) {
	for _, key := range []string{"cite", "jurisdiction"} {
		if text, _ := row[key].(string); strings.TrimSpace(text) == "" && (key == "cite" || !strings.HasPrefix(place, "notices")) {
			c.report(t.file, t.line[place], "the row has no %s: every row of law says which text it is", key)
		}
	}
	switch text, _ := row["text"].(string); {
	case strings.HasPrefix(place, "minor_consent"):
		if row["age"] == nil {
			c.report(t.file, t.line[place], "the row has no age")
		}
	case strings.TrimSpace(text) == "":
		c.report(t.file, t.line[place], "the row has no text: explanations say it")
	}
}

// references checks the names by which rules and data refer to each other.
func (c *lawCheck) references() {
	known, complete := c.names()
	read := map[string]bool{"reasons": true, "obligations": true}
	for name, m := range c.modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if len(r) > 2 && r.HasPrefix(ast.MustParseRef("data.caregate")) {
				if key, ok := r[2].Value.(ast.String); ok {
					read[string(key)] = true
				}
			}
			return false
		})
		if _, own := c.own[name]; own && complete && !strings.HasSuffix(name, "_test.rego") {
			c.terms(name, m, known)
		}
	}
	for _, t := range c.tables {
		for key := range t.doc {
			if !read[key] && !c.unparsed {
				c.report(t.file, t.line[key], "no rule reads the table %s: is its name right?", key)
			}
		}
	}
}

// names are the entries that rules may refer to, of all bundles together.
// It reports what two bundles state; complete says that every data file could be read.
func (c *lawCheck) names() (known map[string]map[string]bool, complete bool) {
	complete, merged := true, map[string]any{}
	known = map[string]map[string]bool{"rules": {}, "reasons": {}, "obligations": {}, "order": {}}
	for _, name := range c.all.Bundles() {
		var doc map[string]any
		if yaml.Unmarshal(c.all[path.Join(name, "data.yaml")], &doc) != nil {
			complete = false // said already
			continue
		}
		for _, kind := range []string{"rules", "reasons", "obligations"} {
			for id := range table(doc[kind]) {
				known[kind][id] = true
			}
		}
		stages, _ := doc["order"].([]any)
		for _, stage := range stages {
			known["order"][fmt.Sprint(stage)] = true
		}
	}
	for _, name := range append(slices.DeleteFunc(c.all.Bundles(), func(n string) bool { return c.tables[n] != nil }), slices.Collect(maps.Keys(c.tables))...) {
		c.merge(merged, name)
	}
	return known, complete
}

// merge adds the data of a bundle to that of the others; where it states what they do, it has the line.
func (c *lawCheck) merge(into map[string]any, name string) {
	var doc map[string]any
	if yaml.Unmarshal(c.all[path.Join(name, "data.yaml")], &doc) != nil {
		return
	}
	if twice := mergeInto(into, doc, ""); twice != nil && c.tables[name] != nil {
		place, _, _ := strings.Cut(twice.Error(), " ")
		c.report(c.tables[name].file, c.tables[name].line[place], "%s: a bundle adds law, and never restates another's", twice)
	}
}

// terms checks the constants of findings and duties.
func (c *lawCheck) terms(name string, m *ast.Module, known map[string]map[string]bool) {
	for _, rule := range m.Rules {
		duty := strings.HasPrefix(rule.Head.Ref().String(), "duty")
		ast.WalkTerms(rule, func(term *ast.Term) bool {
			o, isObject := term.Value.(ast.Object)
			if !isObject {
				return false
			}
			refer := func(key, kind, text string) {
				id, stated := constant(o, key)
				if stated && !known[kind][id] {
					c.report(name, term.Location.Row, text, id)
				}
			}
			if duty {
				refer("id", "obligations", "the obligation %s is unknown, so the record would be withheld: state it under obligations, with its phase")
			}
			if o.Get(ast.StringTerm("stage")) != nil {
				refer("stage", "order", "the stage %s is unknown, so the finding would never speak: the stages are those of order in core/data.yaml")
				refer("rule", "rules", "the rule %s has no row with dates and citation: state it under rules")
				refer("code", "reasons", "the reason %s has no words, so the record would be withheld: state it under reasons")
			}
			return false
		})
	}
}

func constant(o ast.Object, key string) (string, bool) {
	term := o.Get(ast.StringTerm(key))
	if term == nil {
		return "", false
	}
	text, ok := term.Value.(ast.String)
	return string(text), ok
}
