package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"caregate/demo"
	"caregate/fhir"
	"caregate/hl7v2"
	"caregate/testdata/flows"
)

// Town is everybody around the gateway: the partners' systems of the demo's configuration.
type Town struct {
	CMO, Northside, State  *demo.V2System
	Lakeside, School, EdFi *demo.WebSystem
}

// NewTown starts them; the test ends them.
func NewTown(t *testing.T) *Town {
	t.Helper()
	var w Town
	var failed error
	v2 := func(name string) *demo.V2System {
		s, err := demo.NewV2System(name)
		failed = errors.Join(failed, err)
		return s
	}
	web := func(name string, make func(string) (*demo.WebSystem, error)) *demo.WebSystem {
		s, err := make(name)
		failed = errors.Join(failed, err)
		return s
	}
	w.CMO, w.Northside, w.State = v2("CMO"), v2("NORTH"), v2("STATE")
	w.Lakeside, w.School = web("lakeside", demo.NewFHIRServer), web("school", demo.NewFHIRServer)
	w.EdFi = web("edfi", demo.NewEdFiAPI)
	if failed != nil {
		t.Fatal(failed)
	}
	t.Cleanup(func() {
		for _, s := range []*demo.V2System{w.CMO, w.Northside, w.State} {
			s.Down()
		}
		for _, s := range []*demo.WebSystem{w.Lakeside, w.School, w.EdFi} {
			s.Down()
		}
	})
	return &w
}

// Environment is what the demo's configuration refers to as ${NAME}.
func (w *Town) Environment() map[string]string {
	return map[string]string{
		"CMO_MLLP": w.CMO.Addr(), "NORTHSIDE_MLLP": w.Northside.Addr(), "DCFS_MLLP": w.State.Addr(),
		"LAKESIDE_URL": w.Lakeside.URL(), "SCHOOL_URL": w.School.URL(), "SCHOOL_EDFI": w.EdFi.URL(),
		"CMO_TOKEN": "token-cmo", "LAKESIDE_TOKEN": "token-lakeside", "DCFS_TOKEN": "token-dcfs", "GUARDIAN_TOKEN": "token-guardian",
		"SCHOOL_TOKEN": "token-school", "GATEWAY_TOKEN_AT_LAKESIDE": "token-gateway", "GATEWAY_TOKEN_AT_SCHOOL": "token-gateway",
		"EDFI_KEY": "edfi-key", "EDFI_SECRET": "edfi-secret",
	}
}

// As returns a client that speaks to the gateway's FHIR endpoint with a partner's credential.
func (s *Served) As(partner string) demo.FHIRClient {
	return demo.FHIRClient{Base: s.FHIR(), Token: "token-" + partner}
}

// MustSend sends one resource and fails the test unless the answer is 2xx.
func MustSend(t *testing.T, from demo.FHIRClient, method, path string, body []byte) (id string) {
	t.Helper()
	status, id, answer, err := from.Send(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s was answered %d: %s", method, path, status, answer)
	}
	return id
}

// Flow reads one payload of testdata/flows, its dates moved to today.
func Flow(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := flows.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return demo.Shift(raw, time.Now())
}

// Child is one synthetic child: number 0 is the one of the flows, every other a copy of it
// under other ids and identifiers.
type Child int

var (
	castIDs         = regexp.MustCompile(`\b(child-il|foster-parent|guardian-state|parent)-1\b`)
	castIdentifiers = regexp.MustCompile(`\b(90000017|900000177|T7190334|604822)\b`)
)

// Of makes a payload about the child of the flows one about this child.
func (c Child) Of(payload []byte) []byte {
	if c == 0 {
		return payload
	}
	payload = castIDs.ReplaceAll(payload, []byte("${1}-c"+strconv.Itoa(int(c))))
	return castIdentifiers.ReplaceAllFunc(payload, func(id []byte) []byte {
		return fmt.Appendf(nil, "%s0%03d", id, int(c))
	})
}

// Named is an id of the flows as it is for this child.
func (c Child) Named(id string) string { return string(c.Of([]byte(id))) }

// Identifier is the State's identifier of the child, as SYSTEM|VALUE.
func (c Child) Identifier() string {
	return "https://soc.example.org/id/il-dcfs-id|" + c.Named("90000017")
}

// Cast is the State's introduction of the child of the flows, with the authority of its guardian.
func Cast(t *testing.T) []byte {
	t.Helper()
	bundle, err := fhir.Parse(Flow(t, "00-cast/cast-il-transaction.json"))
	if err != nil {
		t.Fatal(err)
	}
	demo.WithAuthority(bundle)
	return bundle.JSON()
}

// Introduce makes the child known, as the state does, with the authority of its guardian.
func (c Child) Introduce(t *testing.T, s *Served) {
	t.Helper()
	MustSend(t, s.As("dcfs"), "POST", "", c.Of(Cast(t)))
}

// Consent is the guardian's consent to consult one clinic, "psych-clinic" (Lakeside) or
// "psych-clinic-north" (Northside).
func (c Child) Consent(t *testing.T, clinic string) (body []byte, ref string) {
	t.Helper()
	var text bytes.Buffer
	if err := json.Compact(&text, Flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("consent-%s-%d", clinic, int(c))
	out := strings.ReplaceAll(text.String(), "consent-consult", id)
	out = strings.ReplaceAll(out, `"Organization/psych-clinic"`, `"Organization/`+clinic+`"`)
	return c.Of([]byte(out)), "Consent/" + id
}

// Allow files the guardian's consents for both clinics.
func (c Child) Allow(t *testing.T, s *Served) {
	t.Helper()
	for _, clinic := range []string{"psych-clinic", "psych-clinic-north"} {
		body, ref := c.Consent(t, clinic)
		MustSend(t, s.As("guardian"), "PUT", "/"+ref, body)
	}
}

// Referral is the care organisation's REF^I12 for the child.
func (c Child) Referral(t *testing.T, controlID, placer string) []byte {
	t.Helper()
	ref := c.Of(Flow(t, "01-medication-consult/02a-ref-i12-from-care-organisation.hl7"))
	ref = bytes.Replace(ref, []byte("CMO000004411"), []byte(controlID), 1)
	return bytes.ReplaceAll(ref, []byte("SOC-2026-004411"), []byte(placer))
}

// Wire is one MLLP connection of a partner to the gateway.
type Wire struct {
	net.Conn
	Frames *hl7v2.FrameReader
}

// Dial connects to one of its listeners.
func Dial(addr string) (*Wire, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &Wire{conn, hl7v2.NewFrameReader(conn, 1<<20)}, nil
}

// Exchange sends one message and returns the header of its acknowledgement.
func (w *Wire) Exchange(msg []byte, patience time.Duration) (hl7v2.Header, error) {
	_ = w.SetDeadline(time.Now().Add(patience))
	if _, err := w.Write(hl7v2.Frame(msg)); err != nil {
		return hl7v2.Header{}, err
	}
	ack, err := w.Frames.Read()
	if err != nil {
		return hl7v2.Header{}, err
	}
	return hl7v2.ReadHeader(ack)
}
