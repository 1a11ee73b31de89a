package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// searchTable names the table of search parameters below testdata.
const searchTable = "search-expressions.tsv"

type searchParameter struct {
	Base                   []string
	Code, Type, Expression string
}

// searchExpressions lists the expression of every search parameter of the supported types.
// _text, _content and _query have none.
func searchExpressions(dir string) ([]byte, error) {
	all, err := readBundle[searchParameter](filepath.Join(dir, "search-parameters.json"))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, p := range all {
		for _, base := range p.Base {
			if p.Expression != "" && (slices.Contains(supported, base) || base == "Resource" || base == "DomainResource") {
				expression := strings.Join(strings.Fields(p.Expression), " ")
				lines = append(lines, strings.Join([]string{base, p.Code, p.Type, expression}, "\t")+"\n")
			}
		}
	}
	slices.Sort(lines)
	return []byte("base\tcode\ttype\texpression\n" + strings.Join(lines, "")), nil
}
