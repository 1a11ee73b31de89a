package house

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3" // for the backup of the ledger
)

// exposure is every place where somebody who may not read a message could look, by name.
type exposure map[string][]byte

// folder adds every file below a folder as it is now.
func (e exposure) folder(t *testing.T, name, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		e[name+"/"+relative] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// backup adds a copy of the ledger as SQLite itself makes it.
func (e exposure) backup(t *testing.T, name, data string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(data, "ledger.db")+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	path := filepath.Join(t.TempDir(), "backup.db")
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", path); err != nil {
		t.Fatal(err)
	}
	e[name] = readFile(t, path)
}

func (e exposure) bytes() (n int) {
	for _, data := range e {
		n += len(data)
	}
	return n
}
