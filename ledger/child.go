package ledger

// Link ties an identifier to the child of the message.
type Link struct {
	Term  []byte // "system|value"; only its keyed hash is stored
	Agree []byte // what must agree for the term to count, such as folded name and birth date; only its keyed hash is stored
}

// Found is a known term and the child it stands for.
type Found struct {
	Term  []byte
	Child string
	agree []byte
	index func(candidate []byte) []byte
}
