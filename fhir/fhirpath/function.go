package fhirpath

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"caregate/fhir"
)

// function is one function of the subset.
type function struct {
	least, most int // arguments
	call        func(env *env, input []item, args []step) ([]item, error)
}

// functions is the subset. It is a table, not a registry: nothing is added to it.
var functions = map[string]function{
	"where":      {1, 1, where},
	"select":     {1, 1, selectEach},
	"exists":     {0, 1, exists},
	"all":        {1, 1, all},
	"empty":      {0, 0, collection(func(in []item) []item { return []item{boolean(len(in) == 0)} })},
	"count":      {0, 0, collection(func(in []item) []item { return []item{integer(len(in))} })},
	"first":      {0, 0, collection(func(in []item) []item { return in[:min(1, len(in))] })},
	"last":       {0, 0, collection(func(in []item) []item { return in[max(0, len(in)-1):] })},
	"tail":       {0, 0, collection(func(in []item) []item { return in[min(1, len(in)):] })},
	"distinct":   {0, 0, collection(distinct)},
	"isDistinct": {0, 0, collection(func(in []item) []item { return []item{boolean(len(distinct(in)) == len(in))} })},
	"hasValue": {0, 0, collection(func(in []item) []item {
		return []item{boolean(len(in) == 1 && in[0].node.Kind() < fhir.Array && in[0].node != nil)}
	})},
	"children":    {0, 0, collection(children)},
	"descendants": {0, 0, collection(descendants)},
	"single":      {0, 0, single},
	"not":         {0, 0, not},
	"skip":        {1, 1, skip},
	"take":        {1, 1, take},
	"combine":     {1, 1, combine},
	"union":       {1, 1, union},
	"intersect":   {1, 1, intersect},
	"extension":   {1, 1, extension},
	"startsWith":  {1, 1, text(strings.HasPrefix)},
	"endsWith":    {1, 1, text(strings.HasSuffix)},
	"contains":    {1, 1, text(strings.Contains)},
	"matches":     {1, 1, matches},
	"length":      {0, 0, mapped(func(s string) item { return integer(len([]rune(s))) })},
	"lower":       {0, 0, mapped(func(s string) item { return item{node: fhir.NewString(strings.ToLower(s)), typ: "string"} })},
	"upper":       {0, 0, mapped(func(s string) item { return item{node: fhir.NewString(strings.ToUpper(s)), typ: "string"} })},
	"toString":    {0, 0, mapped(func(s string) item { return item{node: fhir.NewString(s), typ: "string"} })},
	"iif":         {2, 3, iif},
	"resolve":     {0, 0, resolve},
}

func collection(f func([]item) []item) func(*env, []item, []step) ([]item, error) {
	return func(_ *env, input []item, _ []step) ([]item, error) { return f(input), nil }
}

// on evaluates a criterion or projection with one item in focus.
func on(e *env, it item, i int, arg step) ([]item, error) {
	return arg(&env{root: e.root, this: it, index: i}, []item{it})
}

func where(env *env, input []item, args []step) ([]item, error) {
	var out []item
	for i, it := range input {
		result, err := on(env, it, i, args[0])
		if err != nil {
			return nil, err
		}
		ok, err := truth(result)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, it)
		}
	}
	return out, nil
}

func selectEach(env *env, input []item, args []step) ([]item, error) {
	var out []item
	for i, it := range input {
		result, err := on(env, it, i, args[0])
		if err != nil {
			return nil, err
		}
		out = append(out, result...)
	}
	return out, nil
}

func exists(env *env, input []item, args []step) ([]item, error) {
	if len(args) == 1 {
		var err error
		if input, err = where(env, input, args); err != nil {
			return nil, err
		}
	}
	return []item{boolean(len(input) > 0)}, nil
}

func all(env *env, input []item, args []step) ([]item, error) {
	held, err := where(env, input, args)
	return []item{boolean(len(held) == len(input))}, err
}

func single(_ *env, input []item, _ []step) ([]item, error) {
	if len(input) > 1 {
		return nil, errMany
	}
	return input, nil
}

func not(_ *env, input []item, _ []step) ([]item, error) {
	if len(input) == 0 {
		return nil, nil
	}
	held, err := truth(input)
	return []item{boolean(!held)}, err
}

// number evaluates an argument as one whole number.
func number(env *env, arg step) (int, error) {
	result, err := arg(env, []item{env.this})
	if err != nil {
		return 0, err
	}
	if len(result) != 1 {
		return 0, errMany
	}
	i, err := strconv.Atoi(result[0].node.Text())
	if err != nil {
		return 0, fmt.Errorf("fhirpath: argument is not a whole number")
	}
	return i, nil
}

func skip(env *env, input []item, args []step) ([]item, error) {
	i, err := number(env, args[0])
	return input[min(max(i, 0), len(input)):], err
}

func take(env *env, input []item, args []step) ([]item, error) {
	i, err := number(env, args[0])
	return input[:min(max(i, 0), len(input))], err
}

func combine(env *env, input []item, args []step) ([]item, error) {
	other, err := args[0](env, []item{env.this})
	return append(slices.Clone(input), other...), err
}

func union(env *env, input []item, args []step) ([]item, error) {
	both, err := combine(env, input, args)
	return distinct(both), err
}

func intersect(env *env, input []item, args []step) ([]item, error) {
	other, err := args[0](env, []item{env.this})
	var out []item
	for _, it := range distinct(input) {
		if slices.ContainsFunc(other, func(o item) bool { return equal(it, o) }) {
			out = append(out, it)
		}
	}
	return out, err
}

// extension finds the extensions of a URL, those beside a primitive included.
func extension(env *env, input []item, args []step) ([]item, error) {
	url, err := args[0](env, []item{env.this})
	if err != nil || len(url) != 1 {
		return nil, err
	}
	var out []item
	for _, it := range input {
		for _, ext := range appendChild(nil, it, "extension") {
			if ext.node.Get("url").Text() == url[0].node.Text() {
				ext.typ = "Extension"
				out = append(out, ext)
			}
		}
	}
	return out, nil
}

// text compares one string with an argument.
func text(test func(s, arg string) bool) func(*env, []item, []step) ([]item, error) {
	return func(env *env, input []item, args []step) ([]item, error) {
		arg, err := args[0](env, []item{env.this})
		if err != nil || len(input) == 0 || len(arg) == 0 {
			return nil, err
		}
		if len(input) > 1 || len(arg) > 1 {
			return nil, errMany
		}
		return []item{boolean(test(input[0].node.Text(), arg[0].node.Text()))}, nil
	}
}

func matches(env *env, input []item, args []step) ([]item, error) {
	arg, err := args[0](env, []item{env.this})
	if err != nil || len(input) == 0 || len(arg) != 1 {
		return nil, err
	}
	if len(input) > 1 {
		return nil, errMany
	}
	re, err := regexp.Compile(arg[0].node.Text())
	if err != nil {
		return nil, fmt.Errorf("fhirpath: not a regular expression")
	}
	return []item{boolean(re.MatchString(input[0].node.Text()))}, nil
}

func mapped(f func(string) item) func(*env, []item, []step) ([]item, error) {
	return func(_ *env, input []item, _ []step) ([]item, error) {
		if len(input) == 0 {
			return nil, nil
		}
		if len(input) > 1 {
			return nil, errMany
		}
		return []item{f(input[0].node.Text())}, nil
	}
}

func iif(env *env, input []item, args []step) ([]item, error) {
	held, err := args[0](env, input)
	if err != nil {
		return nil, err
	}
	ok, err := truth(held)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return args[1](env, input)
	case len(args) == 3:
		return args[2](env, input)
	}
	return nil, nil
}

func children(input []item) []item {
	var out []item
	for _, it := range input {
		for name := range it.node.Members() {
			if name != "resourceType" && !strings.HasPrefix(name, "_") {
				out = appendValues(out, it.node.Get(name), it.node.Get("_"+name), fhir.TypeOf(it.typ, name))
			}
		}
	}
	return out
}

func descendants(input []item) []item {
	var out []item
	for level := children(input); len(level) > 0; level = children(level) {
		out = append(out, level...)
	}
	return out
}

// resolve follows references inside the document: to contained resources and to Bundle entries.
// A reference that leads out of it answers a resource of the named type and id and nothing else,
// which is enough for "resolve() is Patient".
func resolve(env *env, input []item, _ []step) ([]item, error) {
	var out []item
	for _, it := range input {
		reference := it.node.Get("reference").Text()
		if it.node.Kind() == fhir.String {
			reference = it.node.Text()
		}
		if found := find(env.root.node, reference); found != nil {
			out = append(out, item{node: found, typ: found.ResourceType()})
			continue
		}
		name, id := fhir.ReferenceTarget(reference)
		if name == "" {
			name = it.node.Get("type").Text()
		}
		if fhir.IsResourceType(name) {
			out = append(out, item{node: fhir.NewResource(name).SetText("id", id), typ: name})
		}
	}
	return out, nil
}

func find(root *fhir.Node, reference string) *fhir.Node {
	if fragment, ok := strings.CutPrefix(reference, "#"); ok {
		for _, c := range root.Get("contained").Items() {
			if c.ID() == fragment {
				return c
			}
		}
		return nil
	}
	for _, entry := range root.Get("entry").Items() {
		res := entry.Get("resource")
		if reference != "" && (entry.Get("fullUrl").Text() == reference || res.Ref() == reference) {
			return res
		}
	}
	return nil
}
