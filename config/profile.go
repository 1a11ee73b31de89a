package config

import (
	"os"

	"github.com/goccy/go-yaml/ast"

	"caregate/translate"
)

// Profile is how a partner's HL7 v2 looks: keys and values in place, or the path of a file
// that holds them.
type Profile struct{ translate.Profile }

// decodeNode reads the profile with our own decoder, for the place of every problem, and
// then lets package translate judge it.
func (p *Profile) decodeNode(d *decoder, path string, n ast.Node) {
	base, err := translate.LoadProfile(nil)
	if err != nil {
		d.report(position(n), "the built-in profile cannot be read: %v", err)
		return
	}
	p.Profile = base
	name, isFile := n.(*ast.StringNode)
	if !isFile {
		before := len(d.problems)
		d.value(path, n, pointed(&p.Profile), "")
		if text, err := n.MarshalYAML(); err == nil && len(d.problems) == before {
			p.judge(d, n, text)
		}
		return
	}
	text, err := os.ReadFile(within(d.dir, name.Value))
	if err != nil {
		d.report(position(n), "the profile %s cannot be read", name.Value)
		return
	}
	file := newDecoder(d.dir, name.Value, d.env)
	file.decode(text, &p.Profile)
	if d.problems = append(d.problems, file.problems...); len(file.problems) == 0 {
		p.judge(d, n, text)
	}
}

func (p *Profile) judge(d *decoder, n ast.Node, text []byte) {
	loaded, err := translate.LoadProfile(text)
	if err != nil {
		d.report(position(n), "%v", err)
		return
	}
	p.Profile = loaded
}
