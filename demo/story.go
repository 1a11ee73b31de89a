package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"caregate/gateway"
	"caregate/hl7v2"
	"caregate/ledger"
)

// story is the play: the gateway, the partners, and the teller.
type story struct {
	*stage
	teller
	ctx context.Context
}

// scenes in the order in which they are played; each depends on the ones before.
func (s *story) scenes() []func() error {
	return []func() error{
		s.stateIntroduces, s.guardianConsents, s.careOrganisationRefers, s.clinicsAnswer,
		s.schoolIsAsked, s.childMoves, s.clinicGoesDown, s.guardianRevokes, s.proof,
	}
}

func (s *story) stateIntroduces() error {
	s.scene("The State introduces the child and says who is guardian")
	id, err := s.post(s.dcfs, "00-cast/cast-il-transaction.json", WithAuthority)
	if err != nil {
		return err
	}
	return errors.Join(s.settled(id), s.tellMessage(id, "the State's child welfare department, by FHIR"))
}

func (s *story) guardianConsents() error {
	s.scene("The State guardian signs three consents")
	for _, c := range []struct{ file, change, words string }{
		{"06-consent-lifecycle/01-fhir-consent-active.json", "", "medication consult: Lakeside clinic, care organisation, State"},
		{"06-consent-lifecycle/01-fhir-consent-active.json", "north", "medication consult: Northside clinic, care organisation, State"},
		{"06-consent-lifecycle/04-fhir-consent-ferpa.json", "", "education: school district, care organisation"},
	} {
		body, name := s.consent(c.file, c.change)
		if err := s.put(s.guardian, name, body); err != nil {
			return err
		}
		s.line("%-30s %s; in force until %s", name, c.words, between(string(body), `"end":"`, `"`))
	}
	return nil
}

func (s *story) careOrganisationRefers() error {
	s.scene("The care organisation asks two clinics for a medication consult")
	id, err := s.refer("CMO000004411", "SOC-2026-004411")
	if err != nil {
		return err
	}
	if err := s.settled(id); err != nil {
		return err
	}
	return s.tellMessage(id, "the care organisation, by HL7 v2 (REF^I12)")
}

func (s *story) clinicsAnswer() error {
	s.scene("Northside declines by RRI^I12, Lakeside accepts by FHIR Task")
	reply, err := rejectReferral(s.northside.last(), "PSYN00000780")
	if err != nil {
		return err
	}
	if err := s.sendV2("northside", reply); err != nil {
		return err
	}
	id, err := s.find("northside/PSYN00000780")
	if err != nil {
		return err
	}
	if err := errors.Join(s.settled(id), s.tellMessage(id, "Northside clinic, by HL7 v2 (RRI^I12)")); err != nil {
		return err
	}
	task, err := acceptTask(s.lakeside.last().Body, "PSY-88121")
	if err != nil {
		return err
	}
	if id, err = s.postBody(s.lakesideFHIR, task); err != nil {
		return err
	}
	return errors.Join(s.settled(id), s.tellMessage(id, "Lakeside clinic, by FHIR (Task accepted)"))
}

func (s *story) schoolIsAsked() error {
	s.scene("The care organisation asks the school what the child needs")
	id, err := s.post(s.cmoFHIR, "02-school-educational-needs/01-fhir-request-transaction.json", nil)
	if err != nil {
		return err
	}
	return errors.Join(s.settled(id), s.tellMessage(id, "the care organisation, by FHIR (ServiceRequest and Task)"))
}

func (s *story) childMoves() error {
	s.scene("The child moves to a relative; the school's own system learns of contact and address, and of nothing else")
	id, err := s.post(s.dcfs, "07-placement-change/02-fhir-placement-transaction.json", nil)
	if err != nil {
		return err
	}
	return errors.Join(s.settled(id), s.tellMessage(id, "the State, by FHIR (placement)"))
}

func (s *story) clinicGoesDown() error {
	s.scene("Lakeside's server goes down, a second consult comes, the server comes back")
	s.lakeside.Down()
	before := distinct(s.lakeside.Received())
	id, err := s.refer("CMO000004412", "SOC-2026-004412")
	if err != nil {
		return err
	}
	if err := s.waiting(id, "lakeside.fhir"); err != nil {
		return err
	}
	s.line("while it is down: %s", s.state(id, "lakeside.fhir"))
	if err := s.lakeside.Up(); err != nil {
		return err
	}
	if err := s.settled(id); err != nil {
		return err
	}
	s.line("after it is back: %s; Lakeside received %s", s.state(id, "lakeside.fhir"), counted(distinct(s.lakeside.Received())-before, "message"))
	return nil
}

func (s *story) guardianRevokes() error {
	s.scene("Northside is down, a third consult waits for it, and the guardian withdraws Northside's consent")
	s.northside.Down()
	before := len(s.northside.Received())
	id, err := s.refer("CMO000004413", "SOC-2026-004413")
	if err != nil {
		return err
	}
	if err := s.waiting(id, "northside.mllp"); err != nil {
		return err
	}
	s.line("while it is down: %s", s.state(id, "northside.mllp"))
	body, name := s.consent("06-consent-lifecycle/01-fhir-consent-active.json", "north")
	revoked := strings.Replace(string(body), `"status":"active"`, `"status":"inactive"`, 1)
	start := time.Now()
	if err := s.put(s.guardian, name, []byte(revoked)); err != nil {
		return err
	}
	s.line("%s withdrawn: effective, and answered, after %d ms", name, time.Since(start).Milliseconds())
	if err := s.northside.Up(); err != nil {
		return err
	}
	if err := s.settled(id); err != nil {
		return err
	}
	s.line("after it is back: %s", s.state(id, "northside.mllp"))
	s.line("Northside received %s of this consult", counted(len(s.northside.Received())-before, "message"))
	if n := len(s.northside.Received()) - before; n != 0 {
		return fmt.Errorf("%d messages left after the consent was withdrawn", n)
	}
	return s.tellDestination(id, "northside.mllp")
}

func (s *story) proof() error {
	s.scene("What everybody holds, counted at their own doors")
	s.line("Lakeside clinic   %s", counted(distinct(s.lakeside.Received()), "FHIR bundle"))
	s.line("Northside clinic  %s", v2Counts(s.northside.Received()))
	s.line("care organisation %s", v2Counts(s.cmo.Received()))
	s.line("the State         %s", v2Counts(s.state_.Received()))
	s.line("the school        %s, %s", counted(distinct(s.school.Received()), "FHIR bundle"), requests(s.edfi.Received()))
	if err := s.kept(); err != nil {
		return err
	}
	v, err := s.ledger.Verify(s.ctx)
	if err != nil {
		return err
	}
	if v.Bad != nil {
		return fmt.Errorf("audit chain broken at row %d of %s", v.Bad.N, v.Bad.Writer)
	}
	s.line("the audit chain   %d entries, unbroken", v.Rows)
	return nil
}

// kept holds the story to its promises, at the partners' own doors.
func (s *story) kept() error {
	for _, door := range []struct {
		name      string
		got, want int
	}{
		{"Lakeside clinic, consults once each", distinct(s.lakeside.Received()), 3},
		{"Northside clinic, consults until the consent was withdrawn", len(s.northside.Received()), 2},
		{"care organisation, one status per answer", len(s.cmo.Received()), 2},
		{"the State, one status per answer", len(s.state_.Received()), 2},
		{"school, one needs request", distinct(s.school.Received()), 1},
	} {
		if door.got != door.want {
			return fmt.Errorf("%s: received %d, promised %d", door.name, door.got, door.want)
		}
	}
	for _, r := range s.edfi.Received() {
		for _, clinical := range []string{"F90", "F43", "methylphenidate", "psych", "Sleep"} {
			if strings.Contains(string(r.Body), clinical) {
				return fmt.Errorf("the school's own system received %q in %s", clinical, r.Path)
			}
		}
	}
	return nil
}

// settled waits until every delivery of a message has come to an end.
func (s *story) settled(id string) error {
	return s.until(id, "come to an end", func(e gateway.Explanation) bool {
		for _, d := range e.Destinations {
			if d.State == ledger.DeliveryPending || d.State == ledger.DeliveryIntended {
				return false
			}
		}
		return true
	})
}

// waiting waits until the delivery to a destination has been tried and waits for another
// try, and the others have arrived.
func (s *story) waiting(id, destination string) error {
	return s.until(id, "been tried", func(e gateway.Explanation) bool {
		tried := false
		for _, d := range e.Destinations {
			switch {
			case d.Destination == destination:
				tried = d.State == ledger.DeliveryPending && len(d.Attempts) > 0
			case d.State != ledger.DeliveryCompleted:
				return false
			}
		}
		return tried
	})
}

func (s *story) until(id, what string, done func(gateway.Explanation) bool) error {
	for range 300 {
		e, err := s.gateway().Explain(s.ctx, id)
		if err != nil {
			return err
		}
		if done(e) {
			return nil
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("message %s has not %s within 30 s: caregate explain %s", id, what, id)
}

// distinct counts what arrived by idempotency key: a repeat under the same key is no second message.
func distinct(got []Request) int {
	keys := map[string]bool{}
	for _, r := range got {
		keys[r.Header.Get("Idempotency-Key")] = true
	}
	return len(keys)
}

// v2Counts counts messages by type, read from the bytes.
func v2Counts(messages [][]byte) string {
	counts := map[string]int{}
	var order []string
	for _, m := range messages {
		h, err := hl7v2.ReadHeader(m)
		if err != nil {
			continue
		}
		t := h.MessageType + "^" + h.Event
		if counts[t] == 0 {
			order = append(order, t)
		}
		counts[t]++
	}
	parts := make([]string, len(order))
	for i, t := range order {
		parts[i] = fmt.Sprintf("%d %s", counts[t], t)
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func requests(got []Request) string {
	names := make([]string, len(got))
	for i, r := range got {
		names[i] = r.Path[strings.LastIndex(r.Path, "/")+1:]
	}
	return fmt.Sprintf("%d Ed-Fi writes (%s)", len(got), strings.Join(names, ", "))
}

func between(s, from, to string) string {
	_, after, _ := strings.Cut(s, from)
	value, _, _ := strings.Cut(after, to)
	return value
}
