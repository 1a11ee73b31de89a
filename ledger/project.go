package ledger

// Projected is one resource version that a message brings.
type Projected struct {
	Type, ID string
	Body     []byte
	Deleted  bool
	Terms    []Term
}

// Term is one search term of a resource; only the keyed hash of its value is stored.
type Term struct {
	Param string
	Value []byte
}
