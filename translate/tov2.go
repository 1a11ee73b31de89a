package translate

import (
	"errors"

	"caregate/fhir"
)

// ToV2 renders a Bundle as one HL7 v2 message in the partner's profile. What has no
// place in the message is an Issue; absent resources give absent segments.
func ToV2(bundle *fhir.Node, p Profile, m Meta) ([]byte, []Issue, error) {
	return nil, nil, errors.New("translate: to v2: not written yet")
}
