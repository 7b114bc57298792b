package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// rewritten is a copy of a backup with other content in it.
func rewritten(t *testing.T, file string, change func(m *manifest, files map[string][]byte)) string {
	t.Helper()
	a, err := openArchive(file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	folder := t.TempDir()
	if err := a.unpack(func(name string) string { return filepath.Join(folder, name) }, tokensFile, historyFile); err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, name := range []string{tokensFile, historyFile} {
		if files[name], err = os.ReadFile(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	change(&a.manifest, files)
	var b bytes.Buffer
	w := &tarWriter{Writer: &b}
	text, err := json.Marshal(a.manifest)
	if err != nil {
		t.Fatal(err)
	}
	files[manifestName] = text
	for _, name := range []string{manifestName, tokensFile, historyFile} {
		if content, ok := files[name]; ok {
			err := w.next(tarEntry{name, int64(len(content)), time.Now()})
			_, werr := io.Copy(w, bytes.NewReader(content))
			if err := errors.Join(err, werr); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "changed.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
