package config

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"caregate/adapters"
	"caregate/consent"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
)

// inputStatement is a kind of decision inputs, as package gateway keeps it.
const inputStatement = "statement"

// KindGuardian is the kind of entry that gives a person authority.
const KindGuardian = "guardian"

// entryKinds are the words for kinds that people use, with the kinds of package consent.
var entryKinds = map[string]string{
	"custody": consent.StatedCustody, "order": consent.StatedOrder, "minor-statement": consent.StatedMinor,
	"joint": consent.StatedJoint, "emancipation": consent.StatedEmancipation, "placement": consent.StatedPlacement,
	"flag": consent.StatedFlag, "agency": consent.StatedAgency, "address-allowed": consent.StatedAddress,
}

// Entry is one fact about a child as an operator or a state's file says it.
type Entry struct {
	Kind         string   // KindGuardian, or a word of entryKinds
	ID           string   // names the same fact later, such as the number of a court order; "" is what it says
	Code         string   // status of custody, what the minor says, effect of an order, flag
	Holders      []string // who has it, signs, cares, receives, or whom it is about
	Domains      []string // domains, or the scope of an order
	Basis        string   // of a guardian's authority, in words
	Relationship string   // of a guardian (v3-RoleCode)
	Start, End   string   // local dates, inclusive; "" is open
	Witness      string
	Received     string // when the document came in, RFC 3339; "" is now
	Part2        bool   // an order that meets 42 CFR part 2 subpart E
}

// Origin says where a fact is from.
type Origin = consent.Origin

// Stated is a statement on file, as `authority list` shows it.
type Stated struct {
	Key      string    `json:"key"`
	Version  int64     `json:"version"`
	Message  string    `json:"message"` // that brought it
	Recorded time.Time `json:"recorded"`
	consent.Statement
}

// Statements lists what is on file about a child besides authority.
func (a *App) Statements(ctx context.Context, child string) ([]Stated, error) {
	inputs, _, err := a.ledger.Inputs(ctx, child)
	if err != nil {
		return nil, err
	}
	list := []Stated{}
	for _, in := range inputs {
		if in.Kind != inputStatement || in.Ended {
			continue
		}
		s := Stated{Key: in.Key, Version: in.Version, Message: in.Message, Recorded: in.At.UTC()}
		if err := json.Unmarshal(in.Body, &s.Statement); err != nil {
			return nil, errors.New("a statement on file cannot be read")
		}
		list = append(list, s)
	}
	return list, nil
}

// Yesterday is the day before today where the children live: what ends with it has ended now.
func (a *App) Yesterday() string {
	return a.options.Now().In(a.Gateway().Zone).AddDate(0, 0, -1).Format(time.DateOnly)
}

// Enter files facts about one child, proved by one document, in one message: all or nothing.
// They go in like every message and are effective when it returns.
func (a *App) Enter(ctx context.Context, child string, entries []Entry, source string) (Ack, error) {
	f, err := a.filing(ctx, child, source)
	if err != nil {
		return Ack{}, err
	}
	for _, e := range entries {
		if err := f.add(e); err != nil {
			return Ack{}, err
		}
	}
	return f.accept(ctx)
}

// EndStatement files on which day a statement ends, whoever stated it.
func (a *App) EndStatement(ctx context.Context, child, key, end, source string) (Ack, error) {
	all, err := a.Statements(ctx, child)
	if err != nil {
		return Ack{}, err
	}
	at := slices.IndexFunc(all, func(s Stated) bool { return s.Key == key })
	if at < 0 {
		return Ack{}, fmt.Errorf("no statement of this key is on file: %w", ledger.ErrNotFound)
	}
	f, err := a.filing(ctx, child, source)
	if err != nil {
		return Ack{}, err
	}
	s := all[at].Statement
	_, rest, _ := strings.Cut(key, "|")
	if s.Of, _, _ = strings.Cut(rest, "|"); s.Of == OperatorID {
		s.Of = ""
	}
	if !s.Restricts() {
		end = earlier(s.End, end)
	}
	s.End = end
	s.Origin = f.origin(Entry{})
	f.state(s)
	return f.accept(ctx)
}

// filing collects what is filed about one child in one message.
type filing struct {
	app       *App
	child     string
	patient   string
	document  *fhir.Node // what proves it, nil for a reference
	reference string
	held      []consent.Authority // all that is on file, changed as entries say
	touched   []string            // whose authority changes
	person    *fhir.Node          // the Patient that carries statements
	others    []*fhir.Node
}

func (a *App) filing(ctx context.Context, child, source string) (*filing, error) {
	f := &filing{app: a, child: child}
	var err error
	if f.held, err = a.authorities(ctx, child); err != nil {
		return nil, err
	}
	if f.patient, err = a.patientOf(ctx, child); err != nil {
		return nil, err
	}
	f.document, f.reference, err = evidence(source)
	return f, err
}

func (f *filing) origin(e Entry) consent.Origin {
	o := consent.Origin{Evidence: f.reference, Witness: e.Witness, Received: e.Received}
	if f.document != nil { // which is named by its hash
		o.SHA256 = f.document.ID()
	}
	return o
}

// add takes one entry, or says what is wrong with it.
func (f *filing) add(e Entry) error {
	if e.Kind == KindGuardian {
		return f.guardian(e)
	}
	s, err := e.statement()
	if err != nil {
		return err
	}
	s.Origin = f.origin(e)
	f.state(s)
	return nil
}

// guardian adds authority to what the holders have; the same again changes its end.
func (f *filing) guardian(e Entry) error {
	if err := e.checkGuardian(); err != nil {
		return err
	}
	for _, holder := range e.Holders {
		added := consent.Authority{
			Holder: holder, Relationship: e.Relationship, Domains: e.Domains, Basis: e.Basis,
			Start: e.Start, End: e.End, Evidence: f.reference, Origin: f.origin(e),
		}
		f.held = slices.DeleteFunc(f.held, func(a consent.Authority) bool {
			return a.Holder == holder && slices.Equal(a.Domains, e.Domains) && a.Basis == e.Basis && a.Start == e.Start
		})
		f.held = append(f.held, added)
		if !slices.Contains(f.touched, holder) {
			f.touched = append(f.touched, holder)
		}
	}
	return nil
}

// check answers what is wrong with an entry, without values.
func (e Entry) check() error {
	if e.Kind == KindGuardian {
		return e.checkGuardian()
	}
	_, err := e.statement()
	return err
}

func (e Entry) checkGuardian() error {
	if e.Basis == "" {
		return errors.New("needs a basis")
	}
	if len(e.Holders) == 0 {
		return errors.New("needs a holder")
	}
	for _, holder := range e.Holders {
		if typ, id, _ := strings.Cut(holder, "/"); typ != "RelatedPerson" || id == "" {
			return errors.New("the holder has to be RelatedPerson/ID, as the consents name the person")
		}
	}
	one := consent.Authority{Holder: e.Holders[0], Domains: e.Domains, Start: e.Start, End: e.End}
	_, err := consent.AuthorityFrom(relatedPerson([]consent.Authority{one}, "Patient/any"))
	return err
}

// statement reads an entry as the statement it makes, or says what it lacks.
func (e Entry) statement() (consent.Statement, error) {
	kind, known := entryKinds[e.Kind]
	if !known {
		return consent.Statement{}, fmt.Errorf("kind has to be guardian or one of %s", strings.Join(kindWords(), ", "))
	}
	s := consent.Statement{
		Kind: kind, ID: e.ID, Code: e.Code, Persons: e.Holders, Scope: e.Domains, Start: e.Start, End: e.End, Part2: e.Part2,
		Origin: consent.Origin{Witness: e.Witness, Received: e.Received},
	}
	carrier := fhir.NewResource(consent.StatementKinds()[kind]).SetText("id", "x").Add("extension", s.Extension(e.ID))
	read := consent.StatementsFrom(carrier)[0]
	if len(read.Problems) > 0 {
		return s, errors.New(read.Problems[0].Text)
	}
	if on := carrier.ResourceType(); on != "Patient" { // a resource of its own, found again by what it says
		sum := sha256.Sum256(fmt.Appendf(nil, "%q|%q|%q|%q|%q|%q", kind, e.ID, s.Code, s.Persons, s.Scope, s.Start))
		if e.ID != "" {
			sum = sha256.Sum256([]byte(kind + "|" + e.ID))
		}
		s.ID = on + "/" + e.Kind + "-" + hex.EncodeToString(sum[:8])
	} else {
		s.ID = read.ID
	}
	return s, nil
}

func kindWords() []string {
	var words []string
	for word := range entryKinds {
		words = append(words, word)
	}
	slices.Sort(words)
	return words
}

// state puts a statement on the resource that it stands on.
func (f *filing) state(s consent.Statement) {
	ref, part, _ := strings.Cut(s.ID, "#")
	on, id, own := strings.Cut(ref, "/")
	if !own || consent.StatementKinds()[s.Kind] == "Patient" {
		if f.person == nil {
			_, id, _ := strings.Cut(f.patient, "/")
			f.person = fhir.NewResource("Patient").SetText("id", id)
		}
		f.person.Add("extension", s.Extension(s.ID))
		return
	}
	r := fhir.NewResource(on).SetText("id", id).Add("extension", s.Extension(part))
	if on == "Flag" {
		r.SetText("status", "active").Set("code", fhir.NewObject().SetText("text", s.Code))
	} else {
		r.SetText("status", "current").Add("content", fhir.NewObject().Set("attachment", fhir.NewObject().SetText("title", s.Kind)))
	}
	f.others = append(f.others, r.Set("subject", fhir.NewObject().SetText("reference", f.patient)))
}

// accept sends everything through Accept, with the document that proves it.
func (f *filing) accept(ctx context.Context) (Ack, error) {
	bundle := fhir.NewResource("Bundle").SetText("type", "transaction")
	resources := append([]*fhir.Node{f.document, f.person}, f.others...)
	for _, holder := range f.touched {
		theirs := slices.DeleteFunc(slices.Clone(f.held), func(a consent.Authority) bool { return a.Holder != holder })
		resources = append(resources, relatedPerson(theirs, f.patient))
	}
	for _, r := range resources {
		if r != nil {
			bundle.Add("entry", fhir.NewObject().Set("resource", r).
				Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref())))
		}
	}
	return f.app.Gateway().AcceptFor(ctx, adapters.Inbound{
		Partner: OperatorID, Protocol: gateway.ProtocolOperator, ContentType: "application/fhir+json", Interaction: "POST /",
		Raw: bundle.JSON(), Received: f.app.options.Now(),
	}, f.child), nil
}
