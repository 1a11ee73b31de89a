package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// anchorFile is the copy of the last checkpoint outside the database. To hide that the end
// of the log was cut off, it has to be changed too, or its copies elsewhere.
const anchorFile = "audit.checkpoint"

// checkpoint joins the heads of all chains. It is keyed, and chained to the one before it.
type checkpoint struct {
	N      int64     `json:"n"`
	At     time.Time `json:"at"`
	Writer string    `json:"writer"`
	Heads  []head    `json:"heads"` // that moved since the previous checkpoint
	MAC    []byte    `json:"mac"`
}

// head is the last row of a chain.
type head struct {
	Writer string `json:"writer"`
	N      int64  `json:"n"`
	Hash   []byte `json:"hash"`
}

func (h head) mac(key []byte) []byte {
	return mac(key, []byte("head"), binary.BigEndian.AppendUint64(nil, uint64(h.N)), fields(h.Writer, string(h.Hash)))
}

func (c checkpoint) mac(key, previous, heads []byte) []byte {
	numbers := binary.BigEndian.AppendUint64(nil, uint64(c.N))
	numbers = binary.BigEndian.AppendUint64(numbers, uint64(nanos(c.At)))
	return mac(key, []byte("checkpoint"), previous, numbers, fields(c.Writer, string(heads)))
}

// wants reports whether a checkpoint is due without anything else to write.
func (c *chain) wants(now time.Time) bool {
	return c.n > c.sealed && (c.due || now.Sub(c.at) >= checkpointTime)
}

// write stores the head of the chain and, when one is due, a checkpoint.
func (c *chain) write(t *tx) error {
	c.last = nil
	if c.moved {
		h := head{c.writer, c.n, c.hash}
		err := t.exec(`INSERT INTO chain (writer, n, hash, sealed, mac) VALUES (?, ?, ?, 0, ?)
			ON CONFLICT (writer) DO UPDATE SET n = excluded.n, hash = excluded.hash, mac = excluded.mac`,
			h.Writer, h.N, h.Hash, h.mac(t.l.keys.chain))
		if err != nil {
			return err
		}
		c.moved = false
	}
	if c.n-c.sealed < checkpointRows && !c.wants(t.now) {
		return nil
	}
	return c.checkpoint(t)
}

func (c *chain) checkpoint(t *tx) error {
	point := checkpoint{At: t.now, Writer: c.writer}
	err := t.each(t.ctx, "SELECT writer, n, hash FROM chain WHERE n > sealed ORDER BY writer", nil, func(scan scanner) error {
		var h head
		err := scan(&h.Writer, &h.N, &h.Hash)
		point.Heads = append(point.Heads, h)
		return err
	})
	if err != nil {
		return err
	}
	if len(point.Heads) == 0 {
		c.sealed, c.at, c.due = c.n, t.now, false // another process's checkpoint has ours
		return nil
	}
	var previous []byte
	err = t.row("SELECT n, mac FROM checkpoint ORDER BY n DESC LIMIT 1", nil, &point.N, &previous)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	point.N++
	heads, err := json.Marshal(point.Heads)
	if err != nil {
		return err
	}
	point.MAC = point.mac(t.l.keys.chain, previous, heads)
	err = t.exec("INSERT INTO checkpoint (n, at, writer, heads, mac) VALUES (?, ?, ?, ?, ?)", point.N, nanos(point.At), point.Writer, heads, point.MAC)
	if err != nil {
		return err
	}
	if err := t.exec("UPDATE chain SET sealed = n WHERE n > sealed"); err != nil {
		return err
	}
	c.sealed, c.at, c.due = c.n, t.now, false
	c.last, err = json.Marshal(point)
	return err
}

// committed copies the checkpoint out of the database. A copy that could not be written
// is older than the database, which Verify accepts.
func (c *chain) committed(l *Ledger) {
	if c.last == nil {
		return
	}
	path := filepath.Join(l.options.Dir, anchorFile)
	aside := path + "." + c.writer
	if os.WriteFile(aside, c.last, 0o600) == nil {
		_ = os.Rename(aside, path)
	}
	c.last = nil
}

// anchor reads the copy outside the database; nil when there is none.
func (l *Ledger) anchor() (*checkpoint, error) {
	data, err := os.ReadFile(filepath.Join(l.options.Dir, anchorFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", anchorFile, err)
	}
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return &checkpoint{}, nil // unreadable: agrees with no checkpoint
	}
	return &c, nil
}
