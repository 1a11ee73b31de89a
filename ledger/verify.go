package ledger

import (
	"bytes"
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/json"
	"fmt"
)

// Verification is the result of checking every audit chain.
type Verification struct {
	Writers, Rows, Checkpoints int
	Anchored                   bool    // the copy of the last checkpoint outside the database agrees
	Bad                        *BadRow // nil: intact
}

// BadRow names the first row that does not fit its chain. Writer is "checkpoint" for a
// checkpoint, and "database" when the database's own structure is damaged.
type BadRow struct {
	Writer string
	N      int64
	Reason string
}

// verifier walks the audit log in one snapshot of the database.
type verifier struct {
	*statements
	l      *Ledger
	result Verification
	ends   map[string]head   // by writer: the head that the chain table states
	points map[string][]head // by writer: the heads that checkpoints state, in order
}

// Verify checks the audit log: every row against its chain, every chain against its head,
// every checkpoint against the one before it and the rows that it names, and the copy of
// the last checkpoint outside the database; then the structure of the database, in which a
// flipped bit of a state shows as an index that does not fit. It reports the first finding.
func (l *Ledger) Verify(ctx context.Context) (Verification, error) {
	anchor, err := l.anchor() // before the snapshot: it is then not newer
	if err != nil {
		return Verification{}, err
	}
	snapshot, err := l.readDB.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Verification{}, fmt.Errorf("verify: %w", err)
	}
	defer snapshot.Rollback()
	v := &verifier{statements: newStatements(snapshot.PrepareContext), l: l, ends: map[string]head{}, points: map[string][]head{}}
	defer v.close()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return v.checkpoints(ctx, anchor) }, v.heads, v.rows, v.structure,
	} {
		if err := step(ctx); err != nil {
			return v.result, fmt.Errorf("verify: %w", err)
		}
		if v.result.Bad != nil {
			break
		}
	}
	return v.result, nil
}

func (v *verifier) bad(writer string, n int64, reason string) {
	if v.result.Bad == nil {
		v.result.Bad = &BadRow{writer, n, reason}
	}
}

const checkpointChain = "checkpoint"

func (v *verifier) checkpoints(ctx context.Context, anchor *checkpoint) error {
	var previous []byte
	var last int64
	anchored := anchor == nil
	err := v.each(ctx, "SELECT n, at, writer, heads, mac FROM checkpoint ORDER BY n", nil, func(scan scanner) error {
		var c checkpoint
		var at int64
		var heads []byte
		if err := scan(&c.N, &at, &c.Writer, &heads, &c.MAC); err != nil || v.result.Bad != nil {
			return err
		}
		c.At = instant(at)
		last++
		switch {
		case c.N != last:
			v.bad(checkpointChain, last, "missing")
			return nil
		case !hmac.Equal(c.MAC, c.mac(v.l.keys.chain, previous, heads)), json.Unmarshal(heads, &c.Heads) != nil:
			v.bad(checkpointChain, c.N, "changed")
			return nil
		}
		previous = c.MAC
		v.result.Checkpoints++
		for _, h := range c.Heads {
			v.points[h.Writer] = append(v.points[h.Writer], h)
		}
		if anchor != nil && anchor.N == c.N && hmac.Equal(anchor.MAC, c.MAC) {
			v.result.Anchored, anchored = true, true
		}
		return nil
	})
	if err == nil && !anchored {
		v.bad(checkpointChain, last+1, "the copy outside the database names a checkpoint that is not there")
	}
	return err
}

func (v *verifier) heads(ctx context.Context) error {
	return v.each(ctx, "SELECT writer, n, hash, mac FROM chain ORDER BY writer", nil, func(scan scanner) error {
		var h head
		var mac []byte
		if err := scan(&h.Writer, &h.N, &h.Hash, &mac); err != nil {
			return err
		}
		if !hmac.Equal(mac, h.mac(v.l.keys.chain)) {
			v.bad(h.Writer, h.N, "head changed")
		}
		v.ends[h.Writer] = h
		return nil
	})
}

// rows walks the chains. What a chain is left to say at its end is checked when it ends.
func (v *verifier) rows(ctx context.Context) error {
	var at head // the row before
	end := func() {
		if at.Writer != "" {
			v.end(at)
		}
		at = head{}
	}
	err := v.each(ctx, "SELECT "+auditColumns+", hash FROM audit ORDER BY writer, n", nil, func(scan scanner) error {
		var hash []byte
		r, err := scanAudit(scan, &hash)
		if err != nil || v.result.Bad != nil {
			return err
		}
		if r.Writer != at.Writer {
			end()
			at.Writer = r.Writer
			v.result.Writers++
		}
		v.result.Rows++
		switch {
		case r.N != at.N+1:
			v.bad(r.Writer, at.N+1, "missing")
		case !hmac.Equal(hash, r.hash(v.l.keys.chain, at.Hash)):
			v.bad(r.Writer, r.N, "changed")
		}
		at.N, at.Hash = r.N, hash
		v.point(at)
		return nil
	})
	if err != nil {
		return err
	}
	end()
	for writer := range v.ends {
		v.bad(writer, 1, "missing")
	}
	for writer, points := range v.points {
		if len(points) > 0 {
			v.bad(writer, points[0].N, "missing")
		}
	}
	return nil
}

// point compares a row with the next checkpoint of its chain.
func (v *verifier) point(at head) {
	points := v.points[at.Writer]
	if len(points) == 0 || points[0].N > at.N {
		return
	}
	if points[0].N < at.N || !bytes.Equal(points[0].Hash, at.Hash) {
		v.bad(at.Writer, at.N, "not what the checkpoint names")
	}
	v.points[at.Writer] = points[1:]
}

// end compares the last row of a chain with the head that the chain table states.
func (v *verifier) end(last head) {
	stated, ok := v.ends[last.Writer]
	delete(v.ends, last.Writer)
	switch {
	case !ok:
		v.bad(last.Writer, last.N, "head missing")
	case stated.N > last.N:
		v.bad(last.Writer, last.N+1, "missing")
	case stated.N < last.N || !bytes.Equal(stated.Hash, last.Hash):
		v.bad(last.Writer, stated.N+1, "added")
	}
	if points := v.points[last.Writer]; len(points) > 0 {
		v.bad(last.Writer, points[0].N, "missing")
	}
}

func (v *verifier) structure(ctx context.Context) error {
	finding, err := integritySQLite(ctx, v.statements)
	if err == nil && finding != "" {
		v.bad("database", 0, finding)
	}
	return err
}
