package house

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"caregate/consent"
	"caregate/demo"
	"caregate/fhir"
	"caregate/gateway"
	"caregate/ledger"
	"caregate/prove/proof"
)

// circumstances are the facts of one child's story, as a case tells them.
type circumstances struct {
	Guardians   map[string]authority      `yaml:"guardians"`   // what the State says of each, by id of the RelatedPerson
	Appointed   map[string]authority      `yaml:"appointed"`   // said afterwards in a message of its own
	AppointedBy string                    `yaml:"appointedBy"` // by this partner
	Unfiled     bool                      `yaml:"unfiled"`     // nobody files a consent
	FiledBy     string                    `yaml:"filedBy"`     // the guardian's consent unit where empty
	WithChild   bool                      `yaml:"withChild"`   // filed in a bundle with the child
	Answer      string                    `yaml:"answer"`      // to the filing; 2xx where empty
	Consent     map[string]any            `yaml:"consent"`     // elements of the consents, by path
	Refiled     map[string]any            `yaml:"refiled"`     // elements that change when they are filed again
	Message     map[string]map[string]any `yaml:"message"`     // elements of the referral, by resource and path
}

// authority is what is said of one person's right to decide for the child.
type authority struct {
	Domain string `yaml:"domain"`
	Basis  string `yaml:"basis"`
	Start  string `yaml:"start"`
	End    string `yaml:"end"`
}

// with is c, and over it what the other says.
func (c circumstances) with(o circumstances) circumstances {
	c.Guardians, c.Appointed = both(c.Guardians, o.Guardians), both(c.Appointed, o.Appointed)
	c.Consent, c.Refiled, c.Message = both(c.Consent, o.Consent), both(c.Refiled, o.Refiled), both(c.Message, o.Message)
	c.Unfiled, c.WithChild = c.Unfiled || o.Unfiled, c.WithChild || o.WithChild
	for mine, other := range map[*string]string{&c.AppointedBy: o.AppointedBy, &c.FiledBy: o.FiledBy, &c.Answer: o.Answer} {
		if other != "" {
			*mine = other
		}
	}
	return c
}

func both[V any](a, b map[string]V) map[string]V {
	out := map[string]V{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// hearing plays one child's story on a gateway.
type hearing struct {
	t      *testing.T
	s      *served
	w      *town
	child  child
	by     string              // how the referral comes: mllp where empty, or fhir
	ahead  time.Duration       // how far the clock of the gateway is ahead
	change func([]byte) []byte // of the REF^I12; nil for none
	again  bool                // a further referral of the same child
}

// controlID and placer of the one referral of the child.
func (h hearing) controlID() string { return fmt.Sprintf("HEARD%04d", int(h.child)) + h.more() }
func (h hearing) placer() string    { return fmt.Sprintf("PLACED-%04d", int(h.child)) + h.more() }

func (h hearing) more() string { return strings.Repeat("X", one(h.again)) }

// sent is a payload as the child's partners send it today, in the gateway's time.
func (h hearing) sent(payload []byte) []byte { return later(h.child.Of(dated(payload)), h.ahead) }

// play introduces the child, files the consents, sends the referral, and returns what
// caregate explain tells of it once every delivery has come to an end.
func (h hearing) play(c circumstances) gateway.Explanation {
	h.t.Helper()
	h.prepare(c)
	return h.settled(h.refer(c))
}

// prepare is everything before the referral.
func (h hearing) prepare(c circumstances) {
	h.t.Helper()
	proof.MustSend(h.t, h.s.As("dcfs"), "POST", "", h.cast(c.Guardians))
	if len(c.Appointed) > 0 {
		proof.MustSend(h.t, h.s.As(c.AppointedBy), "POST", "", h.cast(c.Appointed))
	}
	if c.Unfiled {
		return
	}
	for _, clinic := range []string{"psych-clinic", "psych-clinic-north"} {
		h.file(c, clinic, c.Consent)
		if len(c.Refiled) > 0 {
			h.file(c, clinic, both(c.Consent, c.Refiled))
		}
	}
}

// cast is the State's introduction of the child, with the authority of each guardian.
func (h hearing) cast(guardians map[string]authority) []byte {
	h.t.Helper()
	bundle := parsed(h.t, proof.Flow(h.t, "00-cast/cast-il-transaction.json"))
	known := 0
	for _, r := range fhir.Entries(bundle) {
		if a, ok := guardians[r.ID()]; ok {
			known++
			r.Add("extension", a.extension())
		}
	}
	if known != len(guardians) {
		h.t.Fatalf("only %d of the guardians %v are in the cast", known, guardians)
	}
	return h.sent(bundle.JSON())
}

func (a authority) extension() *fhir.Node {
	parts := fhir.NewArray()
	for _, p := range [][3]string{{"domain", "valueCode", a.Domain}, {"basis", "valueString", a.Basis}, {"start", "valueDate", a.Start}, {"end", "valueDate", a.End}} {
		if p[2] != "" {
			parts.Append(fhir.NewObject().SetText("url", p[0]).SetText(p[1], p[2]))
		}
	}
	return fhir.NewObject().SetText("url", consent.ExtensionGuardianAuthority).Set("extension", parts)
}

// file files the consent for one clinic.
func (h hearing) file(c circumstances, clinic string, changes map[string]any) {
	h.t.Helper()
	body, ref := h.child.Consent(h.t, clinic)
	form := parsed(h.t, body)
	change(h.t, form, changes)
	from, method, path := "guardian", "PUT", "/"+ref
	if c.FiledBy != "" {
		from = c.FiledBy
	}
	if c.WithChild {
		bundle := fhir.NewResource("Bundle").SetText("type", "transaction")
		for _, r := range fhir.Entries(parsed(h.t, proof.Flow(h.t, "00-cast/cast-il-transaction.json"))) {
			if r.ResourceType() == "Patient" {
				bundle.Add("entry", entry(r))
			}
		}
		form, method, path = bundle.Add("entry", entry(form)), "POST", ""
	}
	status, _, answer, err := h.s.As(from).Send(method, path, h.sent(form.JSON()))
	if err != nil {
		h.t.Fatal(err)
	}
	if fine := status < 300; c.Answer == "" && !fine || c.Answer != "" && c.Answer != strconv.Itoa(status) {
		h.t.Errorf("the consent was answered %d, want %q: %s", status, c.Answer, answer)
	}
}

func entry(r *fhir.Node) *fhir.Node {
	return fhir.NewObject().Set("resource", r).Set("request", fhir.NewObject().SetText("method", "PUT").SetText("url", r.Ref()))
}

// refer sends the referral and returns by which id it is explained.
func (h hearing) refer(c circumstances) string {
	h.t.Helper()
	if h.by == "fhir" {
		bundle := parsed(h.t, proof.Flow(h.t, "01-medication-consult/01-fhir-consult-request-transaction.json"))
		seen := 0
		for _, r := range fhir.Entries(bundle) {
			if changes, ok := c.Message[r.Ref()]; ok {
				seen++
				change(h.t, r, changes)
			}
		}
		if seen != len(c.Message) {
			h.t.Fatalf("not all of %v are in the message", c.Message)
		}
		body := strings.ReplaceAll(string(h.sent(bundle.JSON())), "SOC-2026-004411", h.placer())
		return proof.MustSend(h.t, h.s.As("cmo"), "POST", "", []byte(body))
	}
	conn, err := proof.Dial(h.s.Addresses.MLLP["cmo"])
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	msg := h.sent(h.child.Referral(h.t, h.controlID(), h.placer()))
	if h.change != nil {
		msg = h.change(msg)
	}
	answer, err := conn.Exchange(msg, 20*time.Second)
	if err != nil || answer.AcknowledgmentCode != "CA" || answer.AcknowledgedControlID != h.controlID() {
		h.t.Fatalf("the referral was answered %+v, %v", answer, err)
	}
	return "cmo/" + h.controlID()
}

// explain is caregate explain ID --json of one message.
func (h hearing) explain(id string) gateway.Explanation {
	h.t.Helper()
	out, errs, exit := h.s.Run(true, "explain", id, "--json")
	var told struct {
		Messages []gateway.Explanation `json:"messages"`
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || exit != 0 || len(told.Messages) != 1 {
		h.t.Fatalf("explain %s: exit %d, %d messages, %v: %s", id, exit, len(told.Messages), err, errs)
	}
	return told.Messages[0]
}

// until explains again and again until the story is as awaited.
func (h hearing) until(id string, awaited func(gateway.Explanation) bool) gateway.Explanation {
	h.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		e := h.explain(id)
		if awaited(e) {
			return e
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the story of %s does not go on: %+v\n%s", id, e.Destinations, h.s.Log())
		}
	}
}

// settled waits until every delivery has come to an end.
func (h hearing) settled(id string) gateway.Explanation {
	h.t.Helper()
	return h.until(id, func(e gateway.Explanation) bool {
		for _, d := range e.Destinations {
			if d.State == ledger.DeliveryPending || d.State == ledger.DeliveryIntended {
				return false
			}
		}
		return true
	})
}

// marks are what gives the child away in any body, whatever its format.
func marks(c child) []string {
	n := int(c)
	return []string{
		fmt.Sprintf("900000170%03d", n), fmt.Sprintf("9000001770%03d", n), fmt.Sprintf("T71903340%03d", n), fmt.Sprintf("6048220%03d", n),
		fmt.Sprintf("PLACED-%04d", n), fmt.Sprintf(`child-il-c%d"`, n),
	}
}

func bodies(requests []demo.Request) [][]byte {
	all := make([][]byte, len(requests))
	for i, r := range requests {
		all[i] = r.Body
	}
	return all
}

func parsed(t *testing.T, body []byte) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// change sets elements by path; null takes one away.
func change(t *testing.T, n *fhir.Node, changes map[string]any) {
	t.Helper()
	for path, value := range changes {
		parent, name := n, path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = n.At(path[:i]), path[i+1:]
		}
		if parent == nil || strings.Contains(name, "[") {
			t.Fatalf("there is no place %s", path)
		}
		if value == nil {
			parent.Remove(name)
			continue
		}
		text, err := json.Marshal(map[string]any{"value": value})
		if err != nil {
			t.Fatal(err)
		}
		parent.Set(name, parsed(t, text).Get("value"))
	}
}

var relativeDay = regexp.MustCompile(`"day([+-]\d+)"`)

// dated writes the days that are counted from today as dates.
func dated(body []byte) []byte {
	return relativeDay.ReplaceAllFunc(body, func(day []byte) []byte {
		n, _ := strconv.Atoi(string(relativeDay.FindSubmatch(day)[1]))
		return strconv.AppendQuote(nil, time.Now().AddDate(0, 0, n).Format(time.DateOnly))
	})
}
