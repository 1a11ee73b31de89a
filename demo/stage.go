package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"caregate/fhir"
	"caregate/gateway"
	"caregate/hl7v2"
	"caregate/ledger"
)

//go:embed config
var configFiles embed.FS

// stage is everything that stands: the partners' systems and the gateway between them.
type stage struct {
	today                   time.Time
	cmo, northside, state_  *V2System
	lakeside, school, edfi  *WebSystem
	dcfs, guardian, cmoFHIR FHIRClient
	lakesideFHIR            FHIRClient
	gateway                 func() *gateway.Gateway
	ledger                  *ledger.Ledger
	mllp                    map[string]string // partner -> address of the gateway's listener for it
}

// build starts the partners' systems.
func (s *stage) build() (err error) {
	start := func(make func(string) (*V2System, error), name string) *V2System {
		system, startErr := make(name)
		err = errors.Join(err, startErr)
		return system
	}
	web := func(make func(string) (*WebSystem, error), name string) *WebSystem {
		system, startErr := make(name)
		err = errors.Join(err, startErr)
		return system
	}
	s.cmo, s.northside, s.state_ = start(NewV2System, "CMO"), start(NewV2System, "NORTH"), start(NewV2System, "STATE")
	s.lakeside, s.school, s.edfi = web(NewFHIRServer, "lakeside"), web(NewFHIRServer, "school"), web(NewEdFiAPI, "edfi")
	return err
}

// environment is what the demo's configuration refers to as ${NAME}.
func (s *stage) environment() map[string]string {
	return map[string]string{
		"CMO_MLLP": s.cmo.Addr(), "NORTHSIDE_MLLP": s.northside.Addr(), "DCFS_MLLP": s.state_.Addr(),
		"LAKESIDE_URL": s.lakeside.URL(), "SCHOOL_URL": s.school.URL(), "SCHOOL_EDFI": s.edfi.URL(),
		"CMO_TOKEN": "demo-cmo", "LAKESIDE_TOKEN": "demo-lakeside", "DCFS_TOKEN": "demo-dcfs", "GUARDIAN_TOKEN": "demo-guardian",
		"SCHOOL_TOKEN": "demo-school", "GATEWAY_TOKEN_AT_LAKESIDE": "demo-gateway", "GATEWAY_TOKEN_AT_SCHOOL": "demo-gateway",
		"EDFI_KEY": "demo-key", "EDFI_SECRET": "demo-secret",
	}
}

// WriteConfig writes the demo's configuration, the example of every partner kind, into dir.
func WriteConfig(dir string) error {
	return fs.WalkDir(configFiles, "config", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, "config"))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		text, err := configFiles.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o600)
	})
}

// connect makes the partners' clients once the gateway's addresses are known.
func (s *stage) connect(http string, mllp map[string]string) {
	base := "http://" + http + "/fhir"
	s.mllp = mllp
	s.dcfs, s.guardian = FHIRClient{base, "demo-dcfs"}, FHIRClient{base, "demo-guardian"}
	s.cmoFHIR, s.lakesideFHIR = FHIRClient{base, "demo-cmo"}, FHIRClient{base, "demo-lakeside"}
}

// post sends a flow payload, changed where change is given, and returns our id of the message.
func (s *stage) post(from FHIRClient, file string, change func(*fhir.Node)) (string, error) {
	body := payload(file, s.today)
	if change != nil {
		bundle, err := fhir.Parse(body)
		if err != nil {
			return "", err
		}
		change(bundle)
		body = bundle.JSON()
	}
	return s.postBody(from, body)
}

func (s *stage) postBody(from FHIRClient, body []byte) (string, error) {
	status, id, answer, err := from.Send("POST", "", body)
	if err != nil {
		return "", err
	}
	if status >= 300 {
		return "", fmt.Errorf("the gateway answered %d: %s", status, compact(answer))
	}
	return id, nil
}

func (s *stage) put(from FHIRClient, consent string, body []byte) error {
	status, _, answer, err := from.Send("PUT", "/"+consent, body)
	if err == nil && status >= 300 {
		err = fmt.Errorf("the gateway answered %d: %s", status, compact(answer))
	}
	return err
}

// consent is a sample consent, compact; change "north" makes the one for the second clinic.
func (s *stage) consent(file, change string) (body []byte, ref string) {
	var b bytes.Buffer
	if err := json.Compact(&b, payload(file, s.today)); err != nil {
		panic("demo payload is not JSON: " + file)
	}
	text := b.String()
	if change == "north" {
		text = strings.ReplaceAll(text, "consent-consult", "consent-consult-north")
		text = strings.ReplaceAll(text, `"Organization/psych-clinic"`, `"Organization/psych-clinic-north"`)
	}
	return []byte(text), "Consent/" + between(text, `"id":"`, `"`)
}

// refer sends the care organisation's REF^I12 and returns our id of it.
func (s *stage) refer(controlID, placer string) (string, error) {
	ref := second(payload("01-medication-consult/02a-ref-i12-from-care-organisation.hl7", s.today), controlID, placer)
	if err := s.sendV2("cmo", ref); err != nil {
		return "", err
	}
	return s.find("cmo/" + controlID)
}

// sendV2 sends a message to the gateway's listener for a partner; a negative answer is an error.
func (s *stage) sendV2(partner string, msg []byte) error {
	ack, err := SendV2(s.mllp[partner], msg)
	if err != nil {
		return err
	}
	header, err := hl7v2.ReadHeader(ack)
	if err == nil && header.AcknowledgmentCode != "AA" && header.AcknowledgmentCode != "CA" {
		err = fmt.Errorf("the gateway answered %s: %s", header.AcknowledgmentCode, bytes.ReplaceAll(ack, []byte("\r"), []byte(" ")))
	}
	return err
}

// find returns our id of the one message that a partner's control id stands for.
func (s *stage) find(id string) (string, error) {
	found, err := s.gateway().Find(context.Background(), id)
	if err != nil {
		return "", fmt.Errorf("message %s: %w", id, err)
	}
	return found[len(found)-1], nil
}
