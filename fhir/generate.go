package fhir

//go:generate go run ./internal/generate
