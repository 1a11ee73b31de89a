package config

import (
	"caregate/adapters"
	"caregate/adapters/fhirrest"
	"caregate/gateway"
)

// OperatorID is the built-in partner who stands for the person at the command line.
const OperatorID = "operator"

// operator may state everything: what it states is entered by hand, with its source.
func operator() gateway.Partner {
	return gateway.Partner{
		ID: OperatorID, Name: "operator of this gateway",
		Codecs: map[string]adapters.Codec{gateway.ProtocolOperator: fhirrest.Codec{}},
		Asserts: map[gateway.Assertion]bool{
			gateway.AssertIdentity: true, gateway.AssertConsent: true, gateway.AssertAuthority: true,
			gateway.AssertCustody: true, gateway.AssertOrder: true, gateway.AssertMinorStatement: true, gateway.AssertLabel: true,
		},
	}
}
