// Package translation holds the proofs of TOPIC=translation: HL7 v2 to FHIR R4 and back, measured on the
// corpus and on the committed flows with readings of the official guide that share no code with the translator.
package translation
