package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"caregate/consent"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Decide answers one request; it never fails: whatever goes wrong, in Go or in the law,
// withholds everything with the code "policy-error".
func (e *Engine) Decide(ctx context.Context, r consent.Request) (d Decision) {
	defer func() {
		if recover() != nil {
			d = e.refuse(r, "the decision broke off")
		}
	}()
	facts := r.Evaluate()
	answer, err := e.ask(ctx, &r, &facts)
	if err != nil {
		return e.refuse(r, err.Error())
	}
	d = e.combine(&r, &facts, answer)
	d.finish(&r)
	return d
}

// refuse withholds everything. The text names a fault of the machinery, never a value.
func (e *Engine) refuse(r consent.Request, fault string) Decision {
	d := Decision{Law: e.Revision()}
	for _, res := range r.Resources {
		d.Resources = append(d.Resources, withheld(res.Ref, policyError(fault)))
	}
	d.finish(&r)
	return d
}

const codePolicyError = "policy-error"

func policyError(fault string) Reason {
	return Reason{Rule: "POLICY", Code: codePolicyError, Text: fault, Needs: "needs the policy fault repaired; then decide again"}
}

func withheld(ref string, reasons ...Reason) ResourceDecision {
	return ResourceDecision{Ref: ref, Withheld: true, Reasons: reasons}
}

// ask puts the facts to the law, once for the same facts.
func (e *Engine) ask(ctx context.Context, r *consent.Request, f *consent.Facts) (answer, error) {
	asked := askedOf(r, f)
	key, err := json.Marshal(asked)
	if err != nil {
		return answer{}, fmt.Errorf("the facts cannot be told apart")
	}
	if a, known := e.answers.get(key); known && ctx.Err() == nil {
		return a, nil
	}
	a, err := e.evaluate(ctx, asked.document())
	if err == nil {
		e.answers.put(key, a)
	}
	return a, err
}

func (e *Engine) evaluate(ctx context.Context, doc ast.Value) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.decide)
	defer cancel()
	results, err := e.query.Eval(ctx, rego.EvalParsedInput(doc))
	if ctx.Err() != nil {
		return answer{}, fmt.Errorf("the law did not answer in time")
	}
	if err != nil {
		return answer{}, fmt.Errorf("the law failed to evaluate")
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return answer{}, fmt.Errorf("the law gave no answer")
	}
	return readAnswer(results[0].Expressions[0].Value)
}

// combine joins what Go and the law say: both must allow.
func (e *Engine) combine(r *consent.Request, f *consent.Facts, a answer) Decision {
	d := Decision{Law: e.Revision(), Consents: f.Usable, ValidUntil: e.validUntil(r, f)}
	verdicts := make([]*verdict, len(r.Resources)) // by place: two records under one reference are decided apart
	for i := range f.Signatures {
		v := e.verdict(&f.Signatures[i], a.Signatures[signatureKey(i)])
		v.labels, v.sensitive = f.Signatures[i].Labels, sensitive(&f.Signatures[i])
		for _, at := range f.Signatures[i].Items {
			verdicts[at] = v
		}
	}
	for i, res := range r.Resources {
		v := verdicts[i]
		rd := ResourceDecision{Ref: res.Ref, Withheld: v.effect != effectPermit, Reasons: v.reasons}
		if rd.Withheld {
			rd.Reasons = near(f, res, rd.Reasons)
		}
		d.Resources = append(d.Resources, rd)
	}
	d.company(r, verdicts)
	d.redact(r, a)
	d.protect(e.law, verdicts)
	d.oblige(e.law, r, verdicts)
	return d
}

// near completes a reason of the consents with the provision that came closest.
func near(f *consent.Facts, res consent.Resource, reasons []Reason) []Reason {
	i := slices.IndexFunc(reasons, func(r Reason) bool { return r.Code == "no-provision-matches" })
	if i < 0 {
		return reasons
	}
	reasons = slices.Clone(reasons)
	n := f.Nearest(res)
	reasons[i].Consent, reasons[i].Path, reasons[i].Needs = n.Consent, n.Path, n.Needs
	if n.Needs == "" {
		reasons[i].Needs = "needs a consent that permits it"
	}
	return reasons
}

func (e *Engine) validUntil(r *consent.Request, f *consent.Facts) time.Time {
	law := e.law.nextChange(f.LocalDate, zoneOf(r))
	if f.ValidUntil.IsZero() || (!law.IsZero() && law.Before(f.ValidUntil)) {
		return law
	}
	return f.ValidUntil
}

func zoneOf(r *consent.Request) *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

// company decides the records that only go along: administrative ones when anything of the
// child goes, attached ones when everything of this delivery that they speak of goes.
func (d *Decision) company(r *consent.Request, verdicts []*verdict) {
	places := map[string][]int{} // where the records of this delivery stand, by reference
	for i, rd := range d.Resources {
		places[rd.Ref] = append(places[rd.Ref], i)
	}
	anything := slices.ContainsFunc(d.Resources, func(rd ResourceDecision) bool { return !rd.Withheld })
	for _, kind := range []string{effectContext, effectAttached} {
		for i, res := range r.Resources {
			v := verdicts[i]
			if v.effect != kind {
				continue
			}
			rd := &d.Resources[i]
			switch {
			case !anything:
				rd.Reasons = relabel(v.reasons, "nothing-released", "needs some record of the child to be released")
			case kind == effectAttached && !d.attachedGoes(res, places):
				rd.Reasons = relabel(v.reasons, "attached-to-withheld", "needs the record that it speaks of to be released")
			default:
				rd.Withheld = false
			}
		}
	}
}

func relabel(reasons []Reason, code, needs string) []Reason {
	out := slices.Clone(reasons)
	for i := range out {
		out[i].Code, out[i].Needs = code, needs
	}
	return out
}

// attachedGoes: what it points at must include a released record and no withheld one.
func (d *Decision) attachedGoes(res consent.Resource, places map[string][]int) bool {
	targets := 0
	for _, name := range []string{"target", "appointment", "entity"} {
		for _, ref := range consent.References(res.Node.Get(name)) {
			for _, at := range places[ref] {
				if ref == res.Ref {
					continue
				}
				if d.Resources[at].Withheld {
					return false
				}
				targets++
			}
		}
	}
	return targets > 0
}

// redact names the elements that are there and must not go.
func (d *Decision) redact(r *consent.Request, a answer) {
	for i, res := range r.Resources {
		rd := &d.Resources[i]
		if rd.Withheld {
			continue
		}
		for _, element := range a.Redaction[res.Node.ResourceType()] {
			if res.Node.Get(element) != nil || res.Node.Get("_"+element) != nil {
				rd.Redact = append(rd.Redact, element)
			}
		}
		if len(rd.Redact) > 0 {
			rd.Reasons = append(slices.Clone(rd.Reasons), Reason{
				Rule: "GEN-05", Code: "address-confidential", Cite: "state address-confidentiality programs",
				Text:  "A confidential address is removed for recipients who may not have it.",
				Needs: "needs the recipient on the list of those who may have the address",
			})
		}
	}
}
