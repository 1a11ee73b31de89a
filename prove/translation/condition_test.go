package translation

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"caregate/hl7v2"
)

// predicate is one condition of the guide, such as `IF OBX-2 IN ("ST", "FT") AND OBX-8 NOT VALUED`.
type predicate struct {
	verb     string // "and", "or", "valued", "in", "count", "countover", "longer", "never", "always"
	negative bool
	operands []string // fields that the verb is about; all of them where valued
	values   []string
	number   int
	left     *predicate
	right    *predicate
}

var errProse = errors.New("not a condition over fields")

var conditionTokens = regexp.MustCompile(`"[^"]*"|'[^']*'|\(|\)|,|[A-Z0-9]+[-.][A-Z0-9.]+(?:-\d+)?|[A-Z]+\.[A-Z]+|[A-Z0-9]+|=|>|<`)

type conditionParser struct {
	tokens []string
	at     int
}

// parsePredicate reads a condition; "" is nil, which always holds.
func parsePredicate(text string) (*predicate, error) {
	upper := quotedUpper(text)
	if upper == "" {
		return nil, nil
	}
	p := &conditionParser{tokens: conditionTokens.FindAllString(upper, -1)}
	for i, tok := range p.tokens {
		if tok == "AREA" {
			p.tokens[i] = "ARE"
		}
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, errProse
	}
	return n, nil
}

// quotedUpper raises what is not in quotes.
func quotedUpper(text string) string {
	parts := strings.Split(strings.TrimSpace(text), `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.ToUpper(parts[i])
	}
	return strings.Join(parts, `"`)
}

func (p *conditionParser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *conditionParser) take(words ...string) bool {
	if slices.Contains(words, p.peek()) && p.peek() != "" {
		p.at++
		return true
	}
	return false
}

func (p *conditionParser) or() (*predicate, error) {
	left, err := p.and()
	for err == nil && p.take("OR") {
		var right *predicate
		if right, err = p.and(); err == nil {
			left = &predicate{verb: "or", left: left, right: right}
		}
	}
	return left, err
}

func (p *conditionParser) and() (*predicate, error) {
	left, err := p.one()
	for err == nil && p.take("AND") {
		var right *predicate
		if right, err = p.one(); err == nil {
			left = &predicate{verb: "and", left: left, right: right}
		}
	}
	return left, err
}

var fieldForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{1,2})([-.])(\d+)(?:\.(\d+))?$`)

// one reads an operand, or several that share a verb ("TQ1-7 AND TQ1-8 NOT VALUED"), and the verb.
func (p *conditionParser) one() (*predicate, error) {
	p.take("IF")
	if p.take("(") {
		n, err := p.or()
		if err == nil && !p.take(")") && p.at < len(p.tokens) {
			err = errProse
		}
		return n, err
	}
	var operands []string
	joint := "AND"
	for fieldForm.MatchString(p.peek()) {
		operands = append(operands, p.peek())
		p.at++
		if p.at+1 < len(p.tokens) && (p.peek() == "AND" || p.peek() == "OR") && fieldForm.MatchString(p.tokens[p.at+1]) && p.sharedVerb() {
			joint = p.peek()
			p.at++
			continue
		}
		break
	}
	if len(operands) == 0 {
		operands = []string{"."} // the field that the row is about
	}
	n, err := p.verb(operands)
	if err == nil && joint == "OR" && n.verb == "valued" {
		n.verb = "anyvalued"
	}
	return n, err
}

// sharedVerb tells whether the operand after the next word is followed by VALUED, so that
// the operand before it has no verb of its own.
func (p *conditionParser) sharedVerb() bool {
	rest := strings.Join(p.tokens[p.at+2:min(len(p.tokens), p.at+5)], " ")
	for _, verb := range []string{"VALUED", "IS VALUED", "NOT VALUED", "IS NOT VALUED", "ARE NOT VALUED", "ARE VALUED"} {
		if strings.HasPrefix(rest, verb) {
			return true
		}
	}
	return false
}

func (p *conditionParser) verb(operands []string) (*predicate, error) {
	n := &predicate{operands: operands}
	p.take("IS", "ARE")
	n.negative = p.take("NOT")
	switch {
	case p.take("VALUED"):
		n.verb = "valued"
		if p.peek() == "NOT" && p.at+2 < len(p.tokens) && p.tokens[p.at+1] == "EQUAL" {
			p.at += 3 // "IS VALUED NOT EQUAL PID-12"
		}
	case p.take("EMPTY"):
		n.verb, n.negative = "valued", !n.negative
	case p.take("LENGTH"):
		return n, p.over(n, "longer")
	case p.take("COUNT", "LST.COUNT"):
		if p.take("EQUALS", "=") {
			n.verb = "count"
			return n, p.readNumber(n)
		}
		return n, p.over(n, "countover")
	case p.take("IN"):
		n.verb = "in"
		return n, p.list(n)
	default:
		p.take("EQUALS", "=", "IS")
		n.verb = "in"
		if tok := p.peek(); len(tok) > 1 && (tok[0] == '"' || tok[0] == '\'') {
			n.values = []string{strings.Trim(tok, `"'`)}
			p.at++
			return n, nil
		}
		return nil, errProse
	}
	return n, nil
}

func (p *conditionParser) over(n *predicate, verb string) error {
	n.verb = verb
	if p.take(">") || (p.take("GREATER") && p.take("THAN")) {
		return p.readNumber(n)
	}
	return errProse
}

func (p *conditionParser) readNumber(n *predicate) error {
	var err error
	n.number, err = strconv.Atoi(p.peek())
	p.at++
	return err
}

func (p *conditionParser) list(n *predicate) error {
	if !p.take("(") {
		return errProse
	}
	for p.at < len(p.tokens) && !p.take(")") {
		if tok := p.peek(); tok[0] == '"' {
			n.values = append(n.values, strings.Trim(tok, `"`))
		}
		p.at++
	}
	return nil
}

// holds evaluates the predicate at one repetition of a field.
func (n *predicate) holds(at spot) bool {
	if n == nil {
		return true
	}
	switch n.verb {
	case "and":
		return n.left.holds(at) && n.right.holds(at)
	case "or":
		return n.left.holds(at) || n.right.holds(at)
	}
	for _, operand := range n.operands {
		yes := n.test(at, operand) != n.negative
		if n.verb == "anyvalued" && yes {
			return true
		}
		if n.verb != "anyvalued" && !yes {
			return false
		}
	}
	return n.verb != "anyvalued"
}

func (n *predicate) test(at spot, operand string) bool {
	text, field := at.read(operand)
	switch n.verb {
	case "valued", "anyvalued":
		return text != "" && text != `""`
	case "in":
		return slices.Contains(n.values, text)
	case "longer":
		return len(text) > n.number
	case "count":
		return field.Repetitions() == n.number && field.Valued()
	case "countover":
		return field.Repetitions() > n.number
	}
	panic("no verb " + n.verb)
}

// read returns the text that an operand names: a field, a component, a component of the datatype.
func (s spot) read(operand string) (string, hl7v2.Field) {
	own := s.segment().Field(s.field)
	m := fieldForm.FindStringSubmatch(operand)
	if m == nil {
		return own.Rep(s.rep).Raw(), own
	}
	first, _ := strconv.Atoi(m[3])
	if m[2] == "." && m[1] != "ORC" { // CWE.3: of the datatype
		return own.Rep(s.rep).Component(first).Text(), own
	}
	segment := s.near(m[1])
	if !segment.Valid() {
		return "", hl7v2.Field{}
	}
	field := segment.Field(first)
	rep := field.Rep(1)
	if segment.Index() == s.index && first == s.field {
		rep = field.Rep(s.rep)
	}
	if m[4] != "" {
		c, _ := strconv.Atoi(m[4])
		return rep.Component(c).Text(), field
	}
	if rep.Components() > 1 {
		return rep.Component(1).Text(), field // EQUALS of a coded field is about its code
	}
	return rep.Text(), field
}

func TestPredicate(t *testing.T) {
	t.Parallel()
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|T|2.5.1\rPID|1||1^^^A^MR~2^^^A^SN||Z\rORC|NW|7\rOBR|1|8|9\rOBX|1|SN|X||^1^:^2\r"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`IF ORC-2 NOT VALUED`: false, `IF ORC-2 VALUED`: true, `IF OBX-2 IN ("ST", "SN")`: true, `IF CX.5 IS "SN"`: false,
		`IF OBX-2 EQUALS "SN" AND OBX-5.1  NOT EQUALS "<>" AND OBX-5.3 IN (":", "/")`: true,
		`IF PID-3 COUNT>1`: true, `IF PID-3 COUNT=1`: false, `IF PID-7 LENGTH GREATER THAN 8`: false,
		`IF ORC-7 NOT VALUED AND ORC-6 NOT VALUED`: true, `IF ORC-6 AND ORC-7 NOT VALUED`: true, `IF ORC-2 AND ORC-7 VALUED`: false,
		`IF ORC-2 OR ORC-7 IS VALUED `: true, `IF ORC-1 EQUALS "NW"`: true, `IF ORC.1 IS "NW"`: true, `IF ORC-1 NOT IN ("G","A")`: true,
		`IF OBX-2="SN"`: true, `IF NOT VALUED AND ORC-1 NOT EQUALS "D"`: false, `IF (OBX-2 EQUALS "SN"  AND OBX-5.1  EQUALS "<>"`: false,
	} {
		n, err := parsePredicate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		at := spot{msg: m, index: 1, field: 3, rep: 1}
		if strings.Contains(text, "OBX") {
			at.index = 4
		} else if strings.Contains(text, "ORC") {
			at.index, at.field = 3, 2
		}
		if got := n.holds(at); got != want {
			t.Errorf("%s is %t, want %t", text, got, want)
		}
	}
	for _, prose := range []string{"If person level VIP", "Depending on ROL-3", "If severity was used equivalent to criticality"} {
		if n, err := parsePredicate(prose); err == nil {
			t.Errorf("%q was read as a condition: %s", prose, fmt.Sprint(*n))
		}
	}
}
