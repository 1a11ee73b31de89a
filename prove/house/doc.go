// Package house proves, over real processes and sockets, that what Caregate promises of a
// referral holds: go test ./prove/house at reduced size, make prove TOPIC=house in full.
package house
