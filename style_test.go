package caregate_test

import (
	"bytes"
	"go/ast"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The sizes this code base holds itself to; the better half of twelve comparable ones does.
const (
	maxFuncP99        = 100 // lines
	maxFileLines      = 800 // lines; tables are exempt
	maxInterfaces     = 15  // in the whole module
	maxMethods        = 4   // of one interface
	maxPackageComment = 5   // lines
	maxAnyMaps        = 20  // map[string]any outside policy, at JSON edges
)

// tables are the files that are one long table and may be as long as it is.
var tables = []string{}

func TestStyle(t *testing.T) {
	t.Parallel()
	var m measure
	for _, s := range sources(os.DirFS(".")) {
		if s.err == nil {
			m.add(s)
		}
	}
	m.check(t)
}

// measure collects the figures of the hand-written code.
type measure struct {
	funcs, files           []int // lengths in lines
	code, tests, comments  int   // lines
	interfaces, anyMaps    int
	packages, commented    map[string]bool
	longestFunc            string
	undocumented, problems []string
}

func (m *measure) add(s source) {
	lines := bytes.Count(s.text, []byte("\n"))
	if s.test() {
		m.tests += lines
		return
	}
	if m.packages == nil {
		m.packages, m.commented = map[string]bool{}, map[string]bool{}
	}
	m.packages[s.folder()] = true
	m.addPackageComment(s)
	if ast.IsGenerated(s.file) {
		return
	}
	m.code += lines
	if !slices.Contains(tables, s.name) {
		m.files = append(m.files, lines)
		if lines > maxFileLines {
			m.problems = append(m.problems, s.at(1, "file of %d lines", lines))
		}
	}
	for _, group := range s.file.Comments {
		m.comments += strings.Count(group.Text(), "\n")
	}
	m.addDecls(s)
	ast.Inspect(s.file, func(n ast.Node) bool { m.addNode(s, n); return true })
}

func (m *measure) addPackageComment(s source) {
	if s.file.Doc == nil {
		return
	}
	m.commented[s.folder()] = true
	if n := strings.Count(s.file.Doc.Text(), "\n"); n > maxPackageComment {
		m.problems = append(m.problems, s.at(s.file.Doc.Pos(), "package comment of %d lines", n))
	}
}

func (m *measure) addNode(s source, n ast.Node) {
	switch n := n.(type) {
	case *ast.MapType:
		key, _ := n.Key.(*ast.Ident)
		value, _ := n.Value.(*ast.Ident)
		if key != nil && value != nil && key.Name == "string" && value.Name == "any" && !strings.HasPrefix(s.name, "policy/") {
			m.anyMaps++
		}
	case *ast.InterfaceType:
		if n.Methods.NumFields() == 0 || isConstraint(n) {
			return
		}
		m.interfaces++
		if n.Methods.NumFields() > maxMethods {
			m.problems = append(m.problems, s.at(n.Pos(), "interface of %d methods", n.Methods.NumFields()))
		}
	}
}

func isConstraint(i *ast.InterfaceType) bool {
	return slices.ContainsFunc(i.Methods.List, func(f *ast.Field) bool {
		switch f.Type.(type) {
		case *ast.BinaryExpr, *ast.UnaryExpr:
			return true
		}
		return false
	})
}

func (m *measure) addDecls(s source) {
	for _, decl := range s.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			length := s.set.Position(d.End()).Line - s.set.Position(d.Pos()).Line + 1
			if len(m.funcs) == 0 || length > slices.Max(m.funcs) {
				m.longestFunc = s.at(d.Pos(), "%s", d.Name.Name)
			}
			m.funcs = append(m.funcs, length)
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
				m.undocumented = append(m.undocumented, s.at(d.Pos(), "%s has no comment", d.Name.Name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if name := undocumented(d, spec); name != "" {
					m.undocumented = append(m.undocumented, s.at(spec.Pos(), "%s has no comment", name))
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}

// undocumented returns the first exported name of a spec that no comment explains: its own,
// the one at the end of its line, or the one over its group.
func undocumented(d *ast.GenDecl, spec ast.Spec) string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			return spec.Name.Name
		}
	case *ast.ValueSpec:
		if spec.Names[0].IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
			return spec.Names[0].Name
		}
	}
	return ""
}

func (m *measure) check(t *testing.T) {
	t.Helper()
	for folder := range m.packages {
		if !m.commented[folder] {
			m.problems = append(m.problems, folder+": no package comment")
		}
	}
	if p99 := percentile(m.funcs, 99); p99 > maxFuncP99 {
		m.problems = append(m.problems, "functions: p99 is "+strconv.Itoa(p99)+" lines, longest "+m.longestFunc)
	}
	if m.interfaces > maxInterfaces {
		m.problems = append(m.problems, strconv.Itoa(m.interfaces)+" interfaces")
	}
	if m.anyMaps >= maxAnyMaps {
		m.problems = append(m.problems, strconv.Itoa(m.anyMaps)+" uses of map[string]any outside policy")
	}
	for _, problem := range append(m.problems, m.undocumented...) {
		t.Error(problem)
	}
	t.Logf("functions %d: median %d, p90 %d, p99 %d, max %d (%s)", len(m.funcs), percentile(m.funcs, 50),
		percentile(m.funcs, 90), percentile(m.funcs, 99), percentile(m.funcs, 100), m.longestFunc)
	t.Logf("files %d: median %d, p90 %d, max %d", len(m.files), percentile(m.files, 50), percentile(m.files, 90), percentile(m.files, 100))
	t.Logf("lines: code %d, tests %d, comments %d %%", m.code, m.tests, 100*m.comments/max(m.code, 1))
	t.Logf("packages %d, interfaces %d, map[string]any %d, undocumented %d", len(m.packages), m.interfaces, m.anyMaps, len(m.undocumented))
}

// percentile returns the smallest value that p percent of the values do not exceed.
func percentile(values []int, p int) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (p*len(sorted)+99)/100-1)]
}
