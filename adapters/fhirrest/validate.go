package fhirrest

import "caregate/fhir"

type validated struct{ Path, Code, Severity, Text string }

func validate(*fhir.Node) []validated { return nil }
