package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"caregate/ledger"
	"caregate/policy"
)

// Listener is to whom something is explained: a registered partner, or a person such as
// "RelatedPerson/mother" who asks about the child.
type Listener struct {
	Partner  string
	Person   string
	Language string // "en", "es"
}

// Telling is an explanation as it may leave the house. It is decided like the record, and
// names nothing by which two runs could be told apart that differ in a protected record:
// no id of ours, no hash, no count, no time.
type Telling struct {
	To    string   `json:"to"`
	Lines []string `json:"lines"` // each once, sorted
	Note  string   `json:"note"`  // the same on every telling
}

// Bytes are what is given to the listener.
func (t Telling) Bytes() []byte {
	text, _ := json.MarshalIndent(t, "", "  ") // strings marshal
	return append(text, '\n')
}

// ErrListener means that nobody of that name is registered, or that the language is not spoken.
var ErrListener = errors.New("this partner or this language is not known")

// familyRequest is the purpose for which a person asks about a child (v3-ActReason).
const familyRequest = "FAMRQT"

// Tell explains a message to somebody outside. What the listener may not have is told of
// only where neither the reason nor a label protects it; a person is told of nothing but
// what that person may have. It is decided now, held by the gate like a read, and audited.
func (g *Gateway) Tell(ctx context.Context, message string, to Listener) (Telling, error) {
	to.Language = cmp.Or(to.Language, "en")
	_, registered := g.partners[to.Partner]
	if !slices.Contains(g.words.Languages(), to.Language) || (to.Person == "" && !registered) {
		return Telling{}, ErrListener
	}
	m, err := g.Ledger.Message(ctx, message)
	if err != nil {
		return Telling{}, err
	}
	for {
		t, err := g.tell(ctx, m, to)
		if !errors.Is(err, ledger.ErrStale) && !errors.Is(err, errLawChanged) { // an input changed while we decided
			return t, err
		}
	}
}

func (g *Gateway) tell(ctx context.Context, m ledger.Message, to Listener) (Telling, error) {
	t := Telling{To: cmp.Or(to.Person, to.Partner), Lines: []string{}, Note: g.words.Say(to.Language, policy.ForParent, "say-may-be-incomplete")}
	deliveries, err := g.Ledger.Deliveries(ctx, m.ID)
	if err != nil || m.Child == "" {
		return t, err
	}
	var verdicts []*verdict
	if to.Person != "" {
		verdicts, err = g.tellPerson(ctx, m, to, deliveries, &t)
	} else {
		verdicts, err = g.tellPartner(ctx, m, to, deliveries, &t)
	}
	if err != nil {
		return t, err
	}
	slices.Sort(t.Lines)
	t.Lines = slices.Compact(t.Lines)
	return t, g.told(ctx, m, t, verdicts)
}

// tellPartner explains to a destination what it got of the message, and to whom sent it
// what has to be obtained. Who sent it is not told what went, so that nothing shows by
// its absence; a destination that gets nothing is told nothing.
func (g *Gateway) tellPartner(ctx context.Context, m ledger.Message, to Listener, deliveries []ledger.Delivery, t *Telling) ([]*verdict, error) {
	var verdicts []*verdict
	for _, d := range deliveries {
		route, known := g.route(d.Route)
		sender := m.Partner == to.Partner
		if !known || (route.To != to.Partner && !sender) {
			continue
		}
		v, err := g.redecide(ctx, m, route, "")
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, v)
		nothing := v.Decision.Effect == policy.Deny
		for _, rd := range v.Decision.Resources {
			switch {
			case !rd.Withheld && !sender:
				t.Lines = append(t.Lines, rd.Ref+": "+g.words.Say(to.Language, policy.ForOfficer, "say-released"))
			case rd.Withheld && rd.Protected == "" && (sender || !nothing):
				t.Lines = append(t.Lines, g.line(to.Language, policy.ForOfficer, g.nameOf(route.To), rd))
			}
		}
	}
	return verdicts, nil
}

// tellPerson explains who got what of the message, of the records that the person may have.
func (g *Gateway) tellPerson(ctx context.Context, m ledger.Message, to Listener, deliveries []ledger.Delivery, t *Telling) ([]*verdict, error) {
	own, err := g.redecide(ctx, m, Route{Purpose: familyRequest}, to.Person)
	if err != nil {
		return nil, err
	}
	may := map[string]bool{}
	for _, rd := range own.Decision.Resources {
		may[rd.Ref] = !rd.Withheld
	}
	for _, d := range deliveries {
		story, err := g.destination(ctx, d)
		if err != nil {
			return nil, err
		}
		if len(story.Attempts) == 0 {
			continue
		}
		who := g.nameOf(d.Destination)
		for _, rd := range story.Attempts[len(story.Attempts)-1].Resources {
			switch {
			case !may[rd.Ref] || rd.Protected == policy.ProtectedReason && rd.Withheld:
			case !rd.Withheld && story.State == ledger.DeliveryCompleted:
				t.Lines = append(t.Lines, fmt.Sprintf("%s, %s: %s", who, rd.Ref, g.words.Say(to.Language, policy.ForParent, "say-released")))
			case rd.Withheld:
				t.Lines = append(t.Lines, g.line(to.Language, policy.ForParent, who, rd))
			}
		}
	}
	return []*verdict{own}, nil
}

// line says of a withheld record its type, the nearest reason and what would change it.
func (g *Gateway) line(lang string, reader policy.Reader, who string, rd policy.ResourceDecision) string {
	kind, _, _ := strings.Cut(rd.Ref, "/")
	out := who + ", " + kind + ": " + g.words.Say(lang, reader, "say-withheld")
	if len(rd.Reasons) == 0 {
		return out
	}
	code := rd.Reasons[0].Code
	return fmt.Sprintf("%s. %s %s: %s.", out, g.words.Say(lang, reader, code), capital(g.words.Say(lang, reader, "say-nearest")), g.words.Missing(lang, code))
}

func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func (g *Gateway) nameOf(destination string) string {
	id, _, _ := strings.Cut(destination, ".")
	return cmp.Or(g.partners[id].Name, id)
}

// redecide asks what of a stored message would go now, and sends nothing.
func (g *Gateway) redecide(ctx context.Context, m ledger.Message, route Route, person string) (*verdict, error) {
	_, bundle, err := g.stored(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	v, err := g.decide(ctx, &asked{route: route, child: m.Child, bundle: bundle, person: person})
	if errors.Is(err, errDenied) || errors.Is(err, errHeld) {
		err = nil
	}
	return v, err
}

// told records, under the gate of the child, that an explanation leaves.
func (g *Gateway) told(ctx context.Context, m ledger.Message, t Telling, verdicts []*verdict) error {
	sum := sha256.Sum256(t.Bytes())
	decisions, epoch := []string{}, int64(0)
	for i, v := range verdicts {
		decisions = append(decisions, v.Decision.ID)
		if i > 0 && v.epochs[m.Child] != epoch {
			return ledger.ErrStale
		}
		epoch = v.epochs[m.Child]
	}
	body, _ := json.Marshal(struct {
		Decisions []string `json:"decisions"`
		Lines     int      `json:"lines"`
		SHA256    string   `json:"sha256"`
	}{decisions, len(t.Lines), hex.EncodeToString(sum[:])})
	partner := t.To
	if strings.Contains(partner, "/") { // a reference is its owner's text and may name a person
		partner = "person"
	}
	event := ledger.Event{Kind: "told", Partner: partner, Message: m.ID, Outcome: "0", Body: body}
	if len(verdicts) == 0 {
		return g.Ledger.Log(ctx, event)
	}
	return g.Ledger.Admit(ctx, ledger.Reading{Child: m.Child, Epoch: epoch, Holder: g.holder, GateUntil: g.Now().Add(readExpiry), Events: []ledger.Event{event}})
}
