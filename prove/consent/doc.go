// Package consent holds the proofs of TOPIC=consent: scenarios and generated cases decided by the
// gateway's own engine, and compared with readings of the conventions that share no code with it.
package consent
