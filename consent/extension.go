package consent

import "caregate/fhir"

// Extension writes a statement as its published extension, which StatementsFrom reads.
func (s *Statement) Extension(id string) *fhir.Node {
	var f statementForm
	for _, one := range statementForms {
		if one.kind == s.Kind {
			f = one
		}
	}
	parts := fhir.NewArray()
	text := func(url, member, value string) {
		if value != "" && url != "" {
			parts.Append(fhir.NewObject().SetText("url", url).SetText(member, value))
		}
	}
	point := func(url, ref string) {
		if ref != "" && url != "" {
			parts.Append(fhir.NewObject().SetText("url", url).Set("valueReference", fhir.NewObject().SetText("reference", ref)))
		}
	}
	text(f.code, "valueCode", s.Code)
	for _, ref := range s.Persons {
		point(f.person, ref)
	}
	for _, code := range s.Scope {
		text(f.scope, "valueCode", code)
	}
	if s.Part2 {
		parts.Append(fhir.NewObject().SetText("url", "part2").Set("valueBoolean", fhir.NewBool(true)))
	}
	text("start", "valueDate", s.Start)
	text("end", "valueDate", s.End)
	point("evidence", s.Origin.Evidence)
	text("sha256", "valueString", s.Origin.SHA256)
	text("witness", "valueString", s.Origin.Witness)
	text("received", "valueDateTime", s.Origin.Received)
	text("of", "valueString", s.Of)
	ext := fhir.NewObject()
	if id != "" {
		ext.SetText("id", id)
	}
	return ext.SetText("url", ExtensionStatement+s.Kind).Set("extension", parts)
}
