package reference

import "slices"

// cares is the minimum of a child's current carer: medications, allergies, conditions and the
// crisis plan, until the placement ends; never what is protected beyond that, what a form
// denies, or mental-health records of a minor who objects.
func (s *scene) cares(r Object, labels, domains []string) bool {
	never := []string{"42CFRPart2", "SUD", "ETHUD", "OPIOIDUD", "PSYTHPN", "HIV", "STD", "SDV", "STI-CARE", "REPRODUCTIVE-CARE", "FERPA", "CPS-INVEST", "REPORTER-ID"}
	purposes := []string{"FAMRQT", "TREAT", "CAREMGT", "COC"}
	switch {
	case s.adult || s.blocked || !s.placed() || !needed(r):
		return false
	case !slices.Contains(purposes, text(s.request["purpose"])):
		return false
	case slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(never, l) }):
		return false
	case s.patient["minorObjects"] == true && slices.Contains(domains, "mental-health"):
		return false
	case s.minorReleases(domains) || s.endangers():
		return false
	}
	return !slices.ContainsFunc(s.usable, func(c Object) bool { return s.denies(c, r) })
}

func (s *scene) placed() bool {
	return slices.ContainsFunc(objects(s.patient["placements"]), func(p Object) bool {
		carer := text(p["carer"])
		return carer != "" && (s.is("ref", carer) || s.is("organization", carer)) && s.within(text(p["start"]), text(p["end"]), s.now)
	})
}

func needed(r Object) bool {
	kind := text(r["resourceType"])
	if slices.ContainsFunc(objects(r["contained"]), func(c Object) bool {
		inner := text(c["resourceType"])
		return inner != "Medication" && inner != kind && !slices.Contains(alongside, inner)
	}) {
		return false
	}
	const own = "http://systems-of-care.example/fhir/CodeSystem/record-type"
	plan := func(concept Object) bool { return holdsCoding(concept, own, "crisis-plan") }
	switch kind {
	case "AllergyIntolerance", "Condition", "MedicationRequest", "MedicationStatement", "MedicationAdministration":
		return true
	case "CarePlan":
		return slices.ContainsFunc(objects(r["category"]), plan)
	case "DocumentReference":
		return plan(object(r["type"]))
	}
	return false
}

// minorReleases: care that only the minor releases.
func (s *scene) minorReleases(domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool {
		limit, exists := s.consentAge(d)
		return exists && slices.Contains([]string{"sud", "sti", "reproductive"}, d) && (s.age < 0 || s.age >= limit)
	})
}

func (s *scene) endangers() bool {
	return slices.ContainsFunc(objects(s.doc["guardians"]), func(g Object) bool {
		return g["endangerment"] == true && (s.is("ref", text(g["ref"])) || s.is("organization", text(g["ref"])))
	})
}

func (s *scene) denies(c, r Object) bool {
	root := object(c["provision"])
	w := s.speak(c, root, Object{}, kindOf(c), kindOf(c), r, true)
	return w != nil && w.kind == "deny" && (!w.root || !residual(root))
}
