package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// What we write is read by everybody, and what everybody writes is read by us.
func TestTar(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 9, 14, 0, 0, time.UTC)
	files := map[string]string{"empty": "", "short": "abc", "a block": strings.Repeat("x", tarBlock), "long": strings.Repeat("y", 3*tarBlock+1)}
	names := []string{"empty", "short", "a block", "long"}

	var ours, theirs bytes.Buffer
	w := &tarWriter{Writer: &ours}
	std := tar.NewWriter(&theirs)
	if err := std.WriteHeader(&tar.Header{Name: "folder/", Typeflag: tar.TypeDir}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		err := errors.Join(
			w.next(tarEntry{name, int64(len(files[name])), at}),
			std.WriteHeader(&tar.Header{Name: name, Size: int64(len(files[name])), Mode: 0o644, Uname: "somebody", PAXRecords: map[string]string{"comment": "more"}}))
		_, werr := io.WriteString(w, files[name])
		_, serr := io.WriteString(std, files[name])
		if err := errors.Join(err, werr, serr); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.close(), std.Close()); err != nil {
		t.Fatal(err)
	}

	r := tar.NewReader(bytes.NewReader(ours.Bytes()))
	for _, name := range names {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || h.Name != name || string(content) != files[name] || h.Mode != 0o600 || !h.ModTime.Equal(at) || h.Typeflag != tar.TypeReg {
			t.Errorf("they read %+v with %d bytes (%v), want %s", h, len(content), err, name)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("they find no end: %v", err)
	}
	for who, b := range map[string][]byte{"ours": ours.Bytes(), "theirs": theirs.Bytes()} {
		r := &tarReader{r: bytes.NewReader(b)}
		for _, name := range names {
			e, err := r.next()
			if err != nil {
				t.Fatalf("%s: %v", who, err)
			}
			if name == "long" { // not all of it, as of something that nobody wants
				continue
			}
			if content, err := io.ReadAll(r); err != nil || e.name != name || string(content) != files[name] {
				t.Errorf("%s: %+v with %d bytes (%v), want %s", who, e, len(content), err, name)
			}
		}
		if _, err := r.next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: no end: %v", who, err)
		}
	}
	for n := range ours.Len() - 2*tarBlock {
		if _, err := readTar(ours.Bytes()[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	if err := w.next(tarEntry{"large", largestTar + 1, at}); err == nil {
		t.Error("a file was written that is too large")
	}
}

// readTar reads all there is and counts the bytes.
func readTar(b []byte) (n int64, err error) {
	r := &tarReader{r: bytes.NewReader(b)}
	for err == nil {
		var m int64
		if _, err = r.next(); err == nil {
			m, err = io.Copy(io.Discard, r)
			n += m
		}
	}
	return n, err
}

func FuzzTar(f *testing.F) {
	var b bytes.Buffer
	w := &tarWriter{Writer: &b}
	if err := errors.Join(w.next(tarEntry{"a", 3, time.Unix(0, 0)}), func() error { _, err := io.WriteString(w, "abc"); return err }(), w.close()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("no archive"))
	f.Add(make([]byte, 3*tarBlock))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := readTar(b)
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errTar) || n > int64(len(b)) {
			t.Errorf("%d of %d bytes, %v", n, len(b), err)
		}
	})
}
