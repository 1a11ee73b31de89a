package gateway

import "caregate/fhir"

// Kind is what a message is about, whatever protocol it came by. Routes match on it.
type Kind string

// The kinds that routes know.
const (
	KindReferral   Kind = "referral"   // a service is asked for: REF^I12, ServiceRequest with Task requested
	KindStatus     Kind = "status"     // the state of a referral changed: RRI^I12, Task update
	KindMedication Kind = "medication" // a medication is ordered, or its approval asked for
	KindDetails    Kind = "details"    // the child's contacts, addresses, placement: ADT^A31, Patient update
	KindFacts      Kind = "facts"      // consents and authority: they enter decisions and are not routed
	KindOther      Kind = "other"
)

// kindOf reads the kind from the resources: a Task that is past "requested" is a status,
// an order with a requested or no Task a referral (FHIR R4 Task 12.1.3, state machine).
func kindOf(bundle *fhir.Node) Kind {
	var order, requested, moved, person, facts bool
	for _, r := range fhir.Entries(bundle) {
		switch r.ResourceType() {
		case "ServiceRequest": // of unknown status it is a question about one (REF^I15), and asks for nothing
			order = order || r.Get("status").Text() != "unknown"
		case "Task":
			if taskOpen(r.Get("status").Text()) {
				requested = true
			} else {
				moved = true
			}
		case "Patient", "RelatedPerson", "CareTeam":
			person = true
		case "Consent":
			facts = true
		}
	}
	switch {
	case moved:
		return KindStatus
	case ordersMedication(bundle):
		return KindMedication
	case order || requested:
		return KindReferral
	case facts:
		return KindFacts
	case person:
		return KindDetails
	default:
		return KindOther
	}
}

// taskOpen reports whether nobody has answered the Task yet.
func taskOpen(status string) bool {
	return status == "requested" || status == "draft" || status == "ready" || status == "received"
}

// closed are the Task states that no later status may leave (FHIR R4 Task 12.1.3).
var closed = map[string]bool{
	"completed": true, "rejected": true, "cancelled": true, "failed": true, "entered-in-error": true,
}

// rank orders the open states, so that a late "accepted" does not undo "in-progress".
var rank = map[string]int{"": 0, "draft": 1, "requested": 1, "ready": 1, "received": 2, "accepted": 3, "in-progress": 4, "on-hold": 4}

// taskMove says what a status message does to a referral whose last status from the same partner is prior.
func taskMove(prior, next string) move {
	switch {
	case prior == next:
		return moveNone
	case closed[prior]:
		return moveBack
	case next == "completed" && rank[prior] < rank["accepted"]:
		return moveSkip
	case closed[next]:
		return moveOn
	case rank[next] < rank[prior]:
		return moveBack
	default:
		return moveOn
	}
}

type move int

const (
	moveOn   move = iota // a later state: tell everyone
	moveNone             // the same state again: nothing to tell
	moveBack             // out of order: the later state stands
	moveSkip             // completed before accepted: a person looks
)
