package translation

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"caregate/translate"
)

// placed is what the corpus says of one row.
type placed struct {
	row       *guideRow
	exercised int
	became    tally // by verdict
	parts     tally // components that are not at the target
	example   []string
	deviation string
	logical   string // why the datatype of the row is a logical reference
}

// state is the one word for a row.
func (p *placed) state() string {
	switch {
	case p.row.why != "":
		return "not computable"
	case p.exercised == 0:
		return "unexercised"
	case p.became[string(atTarget)] == p.exercised:
		return "right"
	case p.deviation != "" && p.became[string(unread)] == 0:
		return "deviating" // which explains another place or a carrier, never a loss
	case p.became[string(atTarget)]+p.became[string(logically)] == p.exercised:
		if p.logical != "" {
			return "deviating" // said once for the datatype: a logical reference
		}
		return "logical"
	case p.became[string(atTarget)] > 0:
		return "partly"
	}
	return "missing"
}

// TestPlacement asks of each row of the guide whether the corpus exercises it, and whether
// its value then stands at its target.
func TestPlacement(t *testing.T) {
	t.Parallel()
	rows, said, covers := guide(t), sayings(t), readScope(t)
	byField := rowsOf(rows)
	all := map[*guideRow]*placed{}
	deviating, logical := deviationsOf(t)
	for _, r := range rows {
		all[r] = &placed{row: r, became: tally{}, parts: tally{}, deviation: deviating(r), logical: logical(r)}
	}
	for _, s := range samples(t) {
		if s.err != nil {
			continue
		}
		b := newBench(s)
		b.spots(func(at spot) {
			for _, r := range byField[fieldName(at)] {
				if r.why != "" || !covers.covers(r.mapName, at) || !r.when.holds(at) {
					continue
				}
				v, parts := b.judge(said, r, at)
				all[r].add(b, string(v), parts)
			}
		})
	}
	list := make([]*placed, 0, len(all))
	for _, p := range all {
		list = append(list, p)
	}
	printPlacement(t, list)
}

func (p *placed) add(b *bench, verdict string, parts []string) {
	for _, part := range parts {
		p.parts[part]++
	}
	p.exercised++
	p.became[verdict]++
	if verdict != string(atTarget) && len(p.example) < 3 && !slices.Contains(p.example, b.file) {
		p.example = append(p.example, b.file)
	}
}

var orderOfStates = []string{"missing", "partly", "logical", "deviating", "right", "unexercised", "not computable"}

func printPlacement(t *testing.T, list []*placed) {
	slices.SortFunc(list, func(a, b *placed) int {
		return cmp.Or(cmp.Compare(slices.Index(orderOfStates, a.state()), slices.Index(orderOfStates, b.state())),
			cmp.Compare(b.exercised, a.exercised), cmp.Compare(a.row.key(), b.row.key()))
	})
	states, computable, parts, reasons := tally{}, 0, tally{}, tally{}
	lines := []string{"state\texercised\tright\tlogical\telsewhere\tcarried\tissue\tmap\tfield\tcondition\ttarget\tdatatype\tassignment\tmissing parts\tnote\texamples"}
	for _, p := range list {
		states[p.state()]++
		if p.state() == "deviating" {
			reason := cmp.Or(p.deviation, p.logical)
			reasons[reason]++
			figure(t, 3, "deviation", p.exercised, "map", p.row.mapName, "field", p.row.field, "target", p.row.target, "right", p.became[string(atTarget)], "reason", reason)
		}
		for part, n := range p.parts {
			if part != "whole" && !strings.HasPrefix(part, "part") && (p.state() == "partly" || p.state() == "missing") {
				parts[part] += n
			}
		}
		if p.row.why == "" {
			computable++
		}
		n := func(v verdict) string { return strconv.Itoa(p.became[string(v)]) }
		lines = append(lines, strings.Join([]string{
			p.state(), strconv.Itoa(p.exercised), n(atTarget), n(logically), n(elsewhere), n(nowhere), n(unread),
			p.row.mapName, p.row.field, p.row.condition, p.row.target, p.row.datatype, p.row.assignment, strings.Join(p.parts.top(6), ", "),
			cmp.Or(p.row.why, p.deviation, p.row.changed), strings.Join(p.example, " "),
		}, "\t"))
	}
	report(t, "placement.tsv", lines)
	report(t, "placement-parts.txt", parts.top(200))
	report(t, "deviations-used.txt", reasons.top(200))
	exercised := states["right"] + states["partly"] + states["missing"] + states["deviating"] + states["logical"]
	figure(t, 3, "placement of the guide's rows", len(list), "computable", computable, "exercised", exercised, "right", states["right"],
		"partly", states["partly"], "missing", states["missing"], "inLogicalReference", states["logical"], "deviating", states["deviating"], "unexercised", states["unexercised"],
		"rightOrDeviatingPercent", share(states["right"]+states["deviating"], exercised))
	must(t, states["missing"]+states["partly"]+states["logical"] == 0, "%d rows of the guide are not right and not a deviation with a reason", states["missing"]+states["partly"]+states["logical"])
	if computable == 0 || exercised == 0 {
		t.Error("no row was computed or exercised")
	}
}

var (
	whereField = regexp.MustCompile(`\b([A-Z][A-Z0-9]{2})-(\d+)\b`)
	whereMore  = regexp.MustCompile(`^,? (\d+)(?: to (\d+))?`)
	whereMap   = regexp.MustCompile(`\b([A-Z][A-Z0-9]{1,2}\[[\w.-]+\])(?: [A-Z][A-Z0-9]{2}-(\d+))?`)
)

// deviationsOf returns how to find the reason for a row: the column "where" of deviations.tsv
// names fields ("PID-2, PID-4", "MSH-12, 15 to 18"), a map ("NK1[Patient]") or a field of
// one map ("OBR[Specimen] OBR-7"), or a whole segment. A datatype map ("XCN[Practitioner]")
// says why such references are logical; it explains nothing that is not there.
func deviationsOf(t *testing.T) (reason, logical func(*guideRow) string) {
	t.Helper()
	list, err := translate.Deviations()
	if err != nil {
		t.Fatal(err)
	}
	maps, fields, segments := map[string]string{}, map[string]string{}, map[string]string{}
	for _, d := range list {
		where := d.Where
		for _, m := range whereMap.FindAllStringSubmatch(where, -1) {
			maps[m[1]+m[2]] = d.Reason
			where = strings.Replace(where, m[0], "", 1)
		}
		for _, m := range whereField.FindAllStringSubmatchIndex(where, -1) {
			segment := where[m[2]:m[3]]
			first, _ := strconv.Atoi(where[m[4]:m[5]])
			fields[fmt.Sprint(segment, "-", first)] = d.Reason
			for rest := where[m[1]:]; ; {
				more := whereMore.FindStringSubmatch(rest)
				if more == nil {
					break
				}
				from, _ := strconv.Atoi(more[1])
				to, _ := strconv.Atoi(cmp.Or(more[2], more[1]))
				for n := from; n <= to; n++ {
					fields[fmt.Sprint(segment, "-", n)] = d.Reason
				}
				rest = rest[len(more[0]):]
			}
		}
		if len(where) == 3 {
			segments[where] = d.Reason
		}
	}
	reason = func(r *guideRow) string {
		number := strconv.Itoa(r.number)
		return cmp.Or(maps[r.mapName+number], maps[r.mapName], fields[r.segment+"-"+number], segments[r.segment])
	}
	return reason, func(r *guideRow) string { return maps[r.datatype] }
}
