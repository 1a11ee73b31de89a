package fhir

// The model (zz_*_gen.go) comes from the official StructureDefinitions; see internal/generate.
//
//go:generate go run ./internal/generate
