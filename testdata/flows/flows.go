// Package flows embeds the sample payloads, so that the demo plays exactly what the tests read.
package flows

import "embed"

// Files are the payloads of the seven flows, by the paths of this folder.
//
//go:embed 00-cast 01-medication-consult 02-school-educational-needs 03-referral-status-sync 06-consent-lifecycle 07-placement-change
var Files embed.FS
