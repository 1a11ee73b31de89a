package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/ledger"
)

// inputStatement is a statement about the child: custody, an order, an objection ...
const inputStatement = "statement"

// finer says which word of a profile is enough for which kind of statement; the word authority is for all.
var finer = map[string]Assertion{
	consent.StatedCustody: AssertCustody, consent.StatedAgency: AssertCustody, consent.StatedEmancipation: AssertCustody,
	consent.StatedJoint: AssertCustody, consent.StatedPlacement: AssertCustody, consent.StatedAddress: AssertCustody,
	consent.StatedFlag: AssertCustody, consent.StatedOrder: AssertOrder, consent.StatedMinor: AssertMinorStatement,
}

func (p Partner) mayState(kind string) bool {
	return p.Asserts[AssertAuthority] || p.Asserts[finer[kind]]
}

// assertStatements files what a resource states about the child. What may release has to be
// readable in full; what restricts counts as far as it can be read, and the sender is told.
func (g *Gateway) assertStatements(m *inspection, r *fhir.Node) {
	for _, s := range consent.StatementsFrom(r) {
		if !m.partner.mayState(s.Kind) {
			m.issues = append(m.issues, adapters.Issue{Location: s.Path, Code: adapters.CodeForbidden, Text: "kept as a document: this partner may not state " + s.Kind})
			continue
		}
		if s.Of != "" && m.in.Protocol != ProtocolOperator {
			s.Problems = append(s.Problems, consent.Problem{Path: s.Path, Text: "only an operator may change what another partner stated"})
		}
		for _, p := range s.Problems {
			issue := adapters.Issue{Location: p.Path, Code: adapters.CodeBusinessRule, Text: p.Text}
			if !s.Restricts() {
				m.refuse(adapters.CodeBusinessRule, issue)
				continue
			}
			issue.Text += "; counted as a restriction until it is corrected"
			m.issues = append(m.issues, issue)
		}
		if len(s.Problems) == 0 || s.Restricts() {
			m.state(r, s)
		}
	}
}

// state makes a statement a decision input, with its origin. Each partner has its own: none
// can end another's, only an operator can.
func (m *inspection) state(r *fhir.Node, s consent.Statement) {
	of := m.partner.ID
	if m.in.Protocol == ProtocolOperator && s.Of != "" {
		of = s.Of
	} else {
		s.Of = ""
	}
	m.originate(&s.Origin)
	body, _ := json.Marshal(s)
	m.stated = append(m.stated, ledger.Input{Kind: inputStatement, Key: s.Kind + "|" + of + "|" + s.ID, Body: body, Ended: s.Ended})
	m.speaks(r)
}

// originate completes where a fact is from: who said it, and the hash of a document that came along.
func (m *inspection) originate(o *consent.Origin) {
	if m.in.Protocol != ProtocolOperator || o.By == "" { // an operator restates what others have said
		o.By = m.partner.ID
	}
	if o.Evidence == "" {
		return
	}
	for _, r := range fhir.Entries(m.decoded.Bundle) {
		if r.Ref() != o.Evidence {
			continue
		}
		if content, err := base64.StdEncoding.DecodeString(r.At("content[0].attachment.data").Text()); err == nil && len(content) > 0 {
			sum := sha256.Sum256(content)
			o.SHA256 = hex.EncodeToString(sum[:])
		}
	}
}

// speaks remembers which resources enter decisions: whose they are has to be certain.
func (m *inspection) speaks(r *fhir.Node) {
	if m.speakers == nil {
		m.speakers = map[string]bool{}
	}
	m.speakers[r.Ref()] = true
}

// statementOf reads a statement on file. One that cannot be read is of the kind that its key
// names, and restricts as far as that kind can.
func statementOf(in ledger.InputVersion) consent.Statement {
	kind, rest, _ := strings.Cut(in.Key, "|")
	var s consent.Statement
	if json.Unmarshal(in.Body, &s) != nil || s.Kind != kind {
		_, id, _ := strings.Cut(rest, "|")
		s = consent.Statement{Kind: kind, ID: id, Unreadable: true}
	}
	return s
}

// unstated takes the statements off what leaves: they enter decisions, and go to nobody.
func unstated(bundle *fhir.Node) {
	kinds := consent.StatementKinds()
	for _, r := range fhir.Entries(bundle) {
		list := r.Get("extension")
		if list.Len() == 0 {
			continue
		}
		list.KeepItems(func(ext *fhir.Node) bool {
			kind, ours := strings.CutPrefix(ext.Get("url").Text(), consent.ExtensionStatement)
			return !ours || kinds[kind] != r.ResourceType()
		})
		if list.Len() == 0 {
			r.Remove("extension")
		}
	}
}
