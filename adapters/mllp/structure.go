package mllp

import "strings"

// structures holds the message structure (HL7 table 0354) of the events that share another event's
// structure; the others are TYPE_EVENT.
var structures = map[string]string{
	"ADT^A04": "ADT_A01", "ADT^A08": "ADT_A01", "ADT^A13": "ADT_A01",
	"ADT^A07": "ADT_A06", "ADT^A10": "ADT_A09", "ADT^A11": "ADT_A09", "ADT^A12": "ADT_A09",
	"ADT^A14": "ADT_A05", "ADT^A28": "ADT_A05", "ADT^A31": "ADT_A05",
	"ADT^A22": "ADT_A21", "ADT^A23": "ADT_A21", "ADT^A25": "ADT_A21", "ADT^A26": "ADT_A21", "ADT^A27": "ADT_A21", "ADT^A29": "ADT_A21", "ADT^A32": "ADT_A21", "ADT^A33": "ADT_A21",
	"ADT^A34": "ADT_A30", "ADT^A35": "ADT_A30", "ADT^A36": "ADT_A30", "ADT^A46": "ADT_A30", "ADT^A47": "ADT_A30", "ADT^A48": "ADT_A30", "ADT^A49": "ADT_A30",
	"ADT^A40": "ADT_A39", "ADT^A41": "ADT_A39", "ADT^A42": "ADT_A39", "ADT^A44": "ADT_A43", "ADT^A51": "ADT_A50", "ADT^A55": "ADT_A54", "ADT^A62": "ADT_A61",
	"REF^I13": "REF_I12", "REF^I14": "REF_I12", "REF^I15": "REF_I12",
	"RRI^I13": "RRI_I12", "RRI^I14": "RRI_I12", "RRI^I15": "RRI_I12",
	"SIU^S13": "SIU_S12", "SIU^S14": "SIU_S12", "SIU^S15": "SIU_S12", "SIU^S16": "SIU_S12", "SIU^S17": "SIU_S12", "SIU^S18": "SIU_S12",
	"SIU^S19": "SIU_S12", "SIU^S20": "SIU_S12", "SIU^S21": "SIU_S12", "SIU^S22": "SIU_S12", "SIU^S23": "SIU_S12", "SIU^S24": "SIU_S12", "SIU^S26": "SIU_S12",
	"MDM^T03": "MDM_T01", "MDM^T05": "MDM_T01", "MDM^T07": "MDM_T01", "MDM^T09": "MDM_T01", "MDM^T11": "MDM_T01",
	"MDM^T04": "MDM_T02", "MDM^T06": "MDM_T02", "MDM^T08": "MDM_T02", "MDM^T10": "MDM_T02",
	"PPR^PC1": "PPR_PC1", "PPR^PC2": "PPR_PC1", "PPR^PC3": "PPR_PC1",
	"PGL^PC7": "PGL_PC6", "PGL^PC8": "PGL_PC6", "PPP^PCC": "PPP_PCB", "PPP^PCD": "PPP_PCB", "PPG^PCH": "PPG_PCG", "PPG^PCJ": "PPG_PCG",
}

// structureOf returns the structure of a message: MSH-9.3, or what its event has.
func structureOf(kind, event, declared string) string {
	if declared != "" {
		return declared
	}
	if structure, ok := structures[kind+"^"+event]; ok {
		return structure
	}
	return kind + "_" + event
}

// knownType reports whether a message type has events here.
func knownType(kind string) bool {
	for event := range structures {
		if strings.HasPrefix(event, kind+"^") {
			return true
		}
	}
	return false
}
