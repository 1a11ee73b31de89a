package translate

import (
	"regexp"
	"strconv"
	"strings"
)

// Deviation is one place where the maps differ from the official guide, and why.
type Deviation struct {
	Where  string `json:"where"`
	Guide  string `json:"guide"`
	Ours   string `json:"ours"`
	Reason string `json:"reason"`
}

// Deviations returns them in the order of the file.
func Deviations() ([]Deviation, error) {
	lines, err := readTSV("tables/deviations.tsv")
	if err != nil {
		return nil, err
	}
	out := make([]Deviation, 0, len(lines))
	for _, f := range lines {
		out = append(out, Deviation{Where: f[0], Guide: f[1], Ours: f[2], Reason: f[3]})
	}
	return out, nil
}

var (
	whereMap   = regexp.MustCompile(`\b([A-Z][A-Z0-9]{1,2}\[[\w.-]+\])(?: [A-Z][A-Z0-9]{2}-(\d+))?`)
	whereField = regexp.MustCompile(`\b([A-Z][A-Z0-9]{2})-(\d+)\b((?:,? \d+(?: to \d+)?)*)`)
	whereMore  = regexp.MustCompile(`(\d+)(?: to (\d+))?`)
)

// reasons finds the reason for a row of the guide: a deviation names fields ("PID-2, PID-4",
// "MSH-12, 15 to 18"), a map ("NK1[Patient]"), a field of one map ("OBR[Specimen] OBR-7"),
// or a whole segment.
type reasons struct{ maps, fields, segments map[string]string }

func newReasons(list []Deviation) reasons {
	r := reasons{map[string]string{}, map[string]string{}, map[string]string{}}
	for _, d := range list {
		where := d.Where
		for _, m := range whereMap.FindAllStringSubmatch(where, -1) {
			r.maps[m[1]+m[2]] = d.Reason
			where = strings.Replace(where, m[0], "", 1)
		}
		for _, m := range whereField.FindAllStringSubmatch(where, -1) {
			r.fields[m[1]+"-"+m[2]] = d.Reason
			for _, more := range whereMore.FindAllStringSubmatch(m[3], -1) {
				from, _ := strconv.Atoi(more[1]) // digits
				to, _ := strconv.Atoi(or(more[2], more[1]))
				for n := from; n <= to; n++ {
					r.fields[m[1]+"-"+itoa(n)] = d.Reason
				}
			}
		}
		if len(where) == 3 {
			r.segments[where] = d.Reason
		}
	}
	return r
}

func (r reasons) of(mapName, segment string, n int) string {
	number := itoa(n)
	return or(r.maps[mapName+number], or(r.maps[mapName], or(r.fields[segment+"-"+number], r.segments[segment])))
}
