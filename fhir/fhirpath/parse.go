package fhirpath

import (
	"fmt"
	"slices"

	"caregate/fhir"
)

// The bounds of an expression.
const (
	maxLength = 10_000 // bytes
	maxDepth  = 64     // nested parentheses and operands
)

// step computes a collection from a collection.
type step func(env *env, input []item) ([]item, error)

// Expr is a compiled expression; it may be used by many goroutines.
type Expr struct {
	source string
	run    step
}

// String returns the expression as it was compiled.
func (e *Expr) String() string { return e.source }

// Compile reads an expression of the FHIRPath subset that search parameters and tests need.
// What is outside the subset (arithmetic, quantities, %terminologies) is an error here, not later.
func Compile(expr string) (*Expr, error) {
	if len(expr) > maxLength {
		return nil, fmt.Errorf("fhirpath: expression is longer than %d bytes", maxLength)
	}
	tokens, err := lex(expr)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	run, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokenEnd {
		return nil, p.unexpected()
	}
	return &Expr{source: expr, run: run}, nil
}

// Eval computes the expression on a resource or element.
func (e *Expr) Eval(n *fhir.Node) ([]*fhir.Node, error) {
	if n == nil {
		return nil, nil
	}
	root := item{node: n, typ: n.ResourceType()}
	result, err := e.run(&env{root: root, this: root}, []item{root})
	if err != nil {
		return nil, err
	}
	nodes := make([]*fhir.Node, 0, len(result))
	for _, it := range result {
		if it.node == nil {
			it.node = it.companion
		}
		nodes = append(nodes, it.node)
	}
	return nodes, nil
}

// Bool computes the expression as a criterion: true when it is true or one value that is no boolean.
func (e *Expr) Bool(n *fhir.Node) (bool, error) {
	root := item{node: n, typ: n.ResourceType()}
	result, err := e.run(&env{root: root, this: root}, []item{root})
	if err != nil {
		return false, err
	}
	return truth(result)
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) symbol(text string) bool {
	if t := p.peek(); t.kind == tokenSymbol && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *parser) unexpected() error { return unexpected(p.peek()) }

func unexpected(t token) error {
	if t.kind == tokenEnd {
		return fmt.Errorf("fhirpath: expression ends too early")
	}
	return fmt.Errorf("fhirpath: unexpected %q at offset %d", t.text, t.at)
}

// precedence lists the binary operators from the loosest to the tightest (FHIRPath 2.0, section 6.8).
var precedence = [][]string{
	{"implies"}, {"or", "xor"}, {"and"}, {"in", "contains"}, {"=", "!=", "~", "!~"}, {"<", "<=", ">", ">="}, {"|"}, {"is", "as"},
}

func (p *parser) operator(level int) (string, bool) {
	t := p.peek()
	if (t.kind == tokenSymbol || t.kind == tokenName) && slices.Contains(precedence[level], t.text) {
		return t.text, true
	}
	return "", false
}

func (p *parser) expression(level int) (step, error) {
	if level == len(precedence) {
		return p.path()
	}
	if p.depth++; p.depth > maxDepth*len(precedence) {
		return nil, fmt.Errorf("fhirpath: expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.expression(level + 1)
	if err != nil {
		return nil, err
	}
	for {
		op, ok := p.operator(level)
		if !ok {
			return left, nil
		}
		p.next()
		if op == "is" || op == "as" {
			typ, err := p.typeName()
			if err != nil {
				return nil, err
			}
			left = typeOperator(op, left, typ)
			continue
		}
		right, err := p.expression(level + 1)
		if err != nil {
			return nil, err
		}
		left = binary(op, left, right)
	}
}

// typeName reads "Patient", "FHIR.Patient" or "System.String".
func (p *parser) typeName() (string, error) {
	t := p.next()
	if t.kind != tokenName {
		return "", unexpected(t)
	}
	if (t.text == "FHIR" || t.text == "System") && p.symbol(".") {
		if t = p.next(); t.kind != tokenName {
			return "", unexpected(t)
		}
	}
	return t.text, nil
}

func (p *parser) path() (step, error) {
	run, err := p.term()
	if err != nil {
		return nil, err
	}
	for {
		switch {
		case p.symbol("."):
			t := p.next()
			if t.kind != tokenName {
				return nil, unexpected(t)
			}
			follow, err := p.invocation(t)
			if err != nil {
				return nil, err
			}
			run = chain(run, follow)
		case p.symbol("["):
			index, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			if !p.symbol("]") {
				return nil, p.unexpected()
			}
			run = indexed(run, index)
		default:
			return run, nil
		}
	}
}

func (p *parser) term() (step, error) {
	t := p.next()
	switch {
	case t.kind == tokenString:
		return literal(item{node: fhir.NewString(t.text), typ: "string"}), nil
	case t.kind == tokenNumber:
		return literal(item{node: fhir.NewNumber(t.text), typ: numberType(t.text)}), nil
	case t.kind == tokenDate:
		return literal(item{node: fhir.NewString(t.text), typ: "dateTime"}), nil
	case t.kind == tokenVariable:
		return variable(t)
	case t.kind == tokenName && (t.text == "true" || t.text == "false"):
		return literal(boolean(t.text == "true")), nil
	case t.kind == tokenName:
		return p.first(t)
	case t.kind == tokenSymbol && t.text == "(":
		inner, err := p.expression(0)
		if err == nil && !p.symbol(")") {
			err = p.unexpected()
		}
		return inner, err
	case t.kind == tokenSymbol && t.text == "{" && p.symbol("}"):
		return func(*env, []item) ([]item, error) { return nil, nil }, nil
	}
	return nil, unexpected(t)
}

// first reads the start of a path: a type that the context must have, an element or a function.
func (p *parser) first(t token) (step, error) {
	if next := p.peek(); next.kind == tokenSymbol && next.text == "(" || t.text == "" || t.text[0] < 'A' || t.text[0] > 'Z' {
		return p.invocation(t)
	}
	return func(_ *env, input []item) ([]item, error) {
		var out []item
		for _, it := range input {
			if isType(it, t.text) {
				out = append(out, it)
			}
		}
		return out, nil
	}, nil
}

// invocation reads an element or a function call after a dot.
func (p *parser) invocation(t token) (step, error) {
	if !p.symbol("(") {
		return child(t.text), nil
	}
	if t.text == "ofType" || t.text == "as" || t.text == "is" {
		typ, err := p.typeName()
		if err != nil {
			return nil, err
		}
		if !p.symbol(")") {
			return nil, p.unexpected()
		}
		return typeOperator(t.text, same, typ), nil
	}
	var args []step
	for !p.symbol(")") {
		if len(args) > 0 && !p.symbol(",") {
			return nil, p.unexpected()
		}
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	f, ok := functions[t.text]
	if !ok {
		return nil, fmt.Errorf("fhirpath: function %q is outside the subset (offset %d)", t.text, t.at)
	}
	if len(args) < f.least || len(args) > f.most {
		return nil, fmt.Errorf("fhirpath: %s takes %d to %d arguments (offset %d)", t.text, f.least, f.most, t.at)
	}
	return func(env *env, input []item) ([]item, error) { return f.call(env, input, args) }, nil
}

func variable(t token) (step, error) {
	switch t.text {
	case "$this":
		return func(env *env, _ []item) ([]item, error) { return []item{env.this}, nil }, nil
	case "$index":
		return func(env *env, _ []item) ([]item, error) { return []item{integer(env.index)}, nil }, nil
	case "%resource", "%context", "%rootResource":
		return func(env *env, _ []item) ([]item, error) { return []item{env.root}, nil }, nil
	}
	return nil, fmt.Errorf("fhirpath: variable %q is outside the subset (offset %d)", t.text, t.at)
}
