package workbench

// maxPairs bounds the table of align; beyond it segments are paired by name and number.
const maxPairs = 4_000_000

// align pairs the segments of two messages in order: as many equal ones as there can be,
// then as many of the same name. An index of -1 says that the other message has none.
func align(a, b []part) [][2]int {
	var head, tail [][2]int
	for len(head) < min(len(a), len(b)) && a[len(head)].same(b[len(head)]) {
		head = append(head, [2]int{len(head), len(head)})
	}
	n := len(head)
	for m := 1; m <= min(len(a), len(b))-n && a[len(a)-m].same(b[len(b)-m]); m++ {
		tail = append([][2]int{{len(a) - m, len(b) - m}}, tail...)
	}
	rows, cols := len(a)-n-len(tail), len(b)-n-len(tail)
	if rows*cols > maxPairs {
		return append(append(head, byNumber(a, b, n, rows, cols)...), tail...)
	}
	return append(append(head, best(a, b, n, rows, cols)...), tail...)
}

// best is the alignment of the middle with the highest score.
func best(a, b []part, from, rows, cols int) [][2]int {
	score := make([][]int, rows+1)
	for i := range score {
		score[i] = make([]int, cols+1)
	}
	for i := rows - 1; i >= 0; i-- {
		for k := cols - 1; k >= 0; k-- {
			score[i][k] = max(score[i+1][k], score[i][k+1], score[i+1][k+1]+worth(a[from+i], b[from+k]))
		}
	}
	var out [][2]int
	i, k := 0, 0
	for i < rows || k < cols {
		switch {
		case i < rows && k < cols && worth(a[from+i], b[from+k]) > 0 && score[i][k] == score[i+1][k+1]+worth(a[from+i], b[from+k]):
			out = append(out, [2]int{from + i, from + k})
			i, k = i+1, k+1
		case k == cols || (i < rows && score[i+1][k] >= score[i][k+1]):
			out = append(out, [2]int{from + i, -1})
			i++
		default:
			out = append(out, [2]int{-1, from + k})
			k++
		}
	}
	return out
}

// worth is what it is worth to pair two segments.
func worth(a, b part) int {
	switch {
	case a.at.Segment != b.at.Segment:
		return 0
	case a.same(b):
		return 1_000
	}
	common := 0
	for i := range min(len(a.leaves), len(b.leaves)) {
		if a.leaves[i].value == b.leaves[i].value {
			common++
		}
	}
	return 1 + min(common, 500)
}

// byNumber pairs the second OBX with the second OBX.
func byNumber(a, b []part, from, rows, cols int) [][2]int {
	at := map[string]int{}
	for k := range cols {
		at[b[from+k].at.String()] = from + k
	}
	var out [][2]int
	for i := range rows {
		name := a[from+i].at.String()
		k, found := at[name]
		if !found {
			k = -1
		}
		delete(at, name)
		out = append(out, [2]int{from + i, k})
	}
	for k := range cols {
		if _, left := at[b[from+k].at.String()]; left {
			out = append(out, [2]int{-1, from + k})
		}
	}
	return out
}
