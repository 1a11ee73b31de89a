package house

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

// town is everybody around the gateway: the partners' systems of the demo's configuration.
type town struct {
	cmo, northside, state  *demo.V2System
	lakeside, school, edfi *demo.WebSystem
}

func newTown(t *testing.T) *town {
	t.Helper()
	var w town
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
	w.cmo, w.northside, w.state = v2("CMO"), v2("NORTH"), v2("STATE")
	w.lakeside, w.school = web("lakeside", demo.NewFHIRServer), web("school", demo.NewFHIRServer)
	w.edfi = web("edfi", demo.NewEdFiAPI)
	if failed != nil {
		t.Fatal(failed)
	}
	t.Cleanup(func() {
		for _, s := range []*demo.V2System{w.cmo, w.northside, w.state} {
			s.Down()
		}
		for _, s := range []*demo.WebSystem{w.lakeside, w.school, w.edfi} {
			s.Down()
		}
	})
	return &w
}

// environment is what the demo's configuration refers to as ${NAME}.
func (w *town) environment() map[string]string {
	return map[string]string{
		"CMO_MLLP": w.cmo.Addr(), "NORTHSIDE_MLLP": w.northside.Addr(), "DCFS_MLLP": w.state.Addr(),
		"LAKESIDE_URL": w.lakeside.URL(), "SCHOOL_URL": w.school.URL(), "SCHOOL_EDFI": w.edfi.URL(),
		"CMO_TOKEN": "token-cmo", "LAKESIDE_TOKEN": "token-lakeside", "DCFS_TOKEN": "token-dcfs", "GUARDIAN_TOKEN": "token-guardian",
		"SCHOOL_TOKEN": "token-school", "GATEWAY_TOKEN_AT_LAKESIDE": "token-gateway", "GATEWAY_TOKEN_AT_SCHOOL": "token-gateway",
		"EDFI_KEY": "edfi-key", "EDFI_SECRET": "edfi-secret",
	}
}

// as returns a client that speaks to the gateway's FHIR endpoint with a partner's credential.
func (s *served) as(partner string) demo.FHIRClient {
	return demo.FHIRClient{Base: s.fhir(), Token: "token-" + partner}
}

// mustSend sends one resource and fails the test unless the answer is 2xx.
func mustSend(t *testing.T, from demo.FHIRClient, method, path string, body []byte) (id string) {
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

// flow reads one payload of testdata/flows, its dates moved to today.
func flow(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := flows.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return demo.Shift(raw, time.Now())
}

// child is one synthetic child: number 0 is the one of the flows, every other a copy of it
// under other ids and identifiers.
type child int

var (
	castIDs         = regexp.MustCompile(`\b(child-il|foster-parent|guardian-state|parent)-1\b`)
	castIdentifiers = regexp.MustCompile(`\b(90000017|900000177|T7190334|604822)\b`)
)

// of makes a payload about the child of the flows one about this child.
func (c child) of(payload []byte) []byte {
	if c == 0 {
		return payload
	}
	payload = castIDs.ReplaceAll(payload, []byte("${1}-c"+strconv.Itoa(int(c))))
	return castIdentifiers.ReplaceAllFunc(payload, func(id []byte) []byte {
		return fmt.Appendf(nil, "%s0%03d", id, int(c))
	})
}

// introduce makes the child known, as the state does, with the authority of its guardian.
func (c child) introduce(t *testing.T, s *served) {
	t.Helper()
	bundle, err := fhir.Parse(flow(t, "00-cast/cast-il-transaction.json"))
	if err != nil {
		t.Fatal(err)
	}
	demo.WithAuthority(bundle)
	mustSend(t, s.as("dcfs"), "POST", "", c.of(bundle.JSON()))
}

// consent is the guardian's consent to consult one clinic, "psych-clinic" (Lakeside) or
// "psych-clinic-north" (Northside).
func (c child) consent(t *testing.T, clinic string) (body []byte, ref string) {
	t.Helper()
	var text bytes.Buffer
	if err := json.Compact(&text, flow(t, "06-consent-lifecycle/01-fhir-consent-active.json")); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("consent-%s-%d", clinic, int(c))
	out := strings.ReplaceAll(text.String(), "consent-consult", id)
	out = strings.ReplaceAll(out, `"Organization/psych-clinic"`, `"Organization/`+clinic+`"`)
	return c.of([]byte(out)), "Consent/" + id
}

// allow files the guardian's consents for both clinics.
func (c child) allow(t *testing.T, s *served) {
	t.Helper()
	for _, clinic := range []string{"psych-clinic", "psych-clinic-north"} {
		body, ref := c.consent(t, clinic)
		mustSend(t, s.as("guardian"), "PUT", "/"+ref, body)
	}
}

// referral is the care organisation's REF^I12 for the child.
func (c child) referral(t *testing.T, controlID, placer string) []byte {
	t.Helper()
	ref := c.of(flow(t, "01-medication-consult/02a-ref-i12-from-care-organisation.hl7"))
	ref = bytes.Replace(ref, []byte("CMO000004411"), []byte(controlID), 1)
	return bytes.ReplaceAll(ref, []byte("SOC-2026-004411"), []byte(placer))
}

// wire is one MLLP connection of a partner to the gateway.
type wire struct {
	net.Conn
	frames *hl7v2.FrameReader
}

func dial(addr string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &wire{conn, hl7v2.NewFrameReader(conn, 1<<20)}, nil
}

// exchange sends one message and returns the header of its acknowledgement.
func (w *wire) exchange(msg []byte, patience time.Duration) (hl7v2.Header, error) {
	_ = w.SetDeadline(time.Now().Add(patience))
	if _, err := w.Write(hl7v2.Frame(msg)); err != nil {
		return hl7v2.Header{}, err
	}
	ack, err := w.frames.Read()
	if err != nil {
		return hl7v2.Header{}, err
	}
	return hl7v2.ReadHeader(ack)
}
