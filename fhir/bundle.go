package fhir

import "iter"

// Entries yields the index and the resource of every Bundle.entry that carries one.
// Anything but a Bundle, an absent node included, yields nothing.
func Entries(bundle *Node) iter.Seq2[int, *Node] {
	return func(yield func(int, *Node) bool) {
		if bundle.ResourceType() != "Bundle" {
			return
		}
		for i, entry := range bundle.Get("entry").Items() {
			if r := entry.Get("resource"); r.Kind() == Object && !yield(i, r) {
				return
			}
		}
	}
}
