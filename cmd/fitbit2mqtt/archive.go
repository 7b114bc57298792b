package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// A backup is a plain tar, which any tar lists and takes apart: what it is comes first,
// then the databases. It is not compressed: it is read where it is, and backups are
// compressed, encrypted and sent elsewhere by programs that are good at it.

const (
	manifestName    = "fitbit2mqtt-backup.json"
	archiveFormat   = 1
	largestManifest = 64 << 10 // bytes
)

// manifest says what is in a backup.
type manifest struct {
	Format    int        `json:"format"`
	Version   string     `json:"version"` // of the program that made it
	MadeAt    time.Time  `json:"made_at"`
	Databases []archived `json:"databases"`
}

// archived is one database in a backup.
type archived struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// measure describes the databases of those names in a folder.
func measure(folder string, names ...string) (list []archived, err error) {
	for _, name := range names {
		digest := sha256.New()
		n, err := pour(digest, filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		list = append(list, archived{name, n, sum(digest)})
	}
	return list, nil
}

// writeArchive writes a backup of the databases in a folder.
func writeArchive(w io.Writer, m manifest, folder string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	t := &tarWriter{Writer: w}
	if err := t.next(tarEntry{manifestName, int64(len(text)), m.MadeAt}); err != nil {
		return err
	}
	if _, err := t.Write(text); err != nil {
		return err
	}
	for _, d := range m.Databases {
		if err := t.next(tarEntry{d.Name, d.Bytes, m.MadeAt}); err != nil {
			return err
		}
		if _, err := pour(t, filepath.Join(folder, d.Name)); err != nil {
			return err
		}
	}
	return t.close()
}

// pour writes a file's content to w.
func pour(w io.Writer, path string) (int64, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's folder
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.Copy(w, f)
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// archive is a backup that is being read.
type archive struct {
	manifest
	path string
	tar  *tarReader
	file *os.File
}

// openArchive refuses whatever is not a backup, and those of a format to come.
func openArchive(path string) (*archive, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the operator's choice; of a pipe that nobody writes to nothing is awaited
	if err != nil {
		return nil, fail(exitUsage, "check the name of the file, and who may read it", "%w", err)
	}
	a := &archive{path: path, tar: &tarReader{r: f}, file: f}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fail(exitUsage, "name the file", "%s is a folder", path), a.close())
	}
	h, err := a.tar.next()
	if err != nil || h.name != manifestName || h.size > largestManifest {
		return nil, errors.Join(fail(exitUsage, "name a file that \"fitbit2mqtt backup\" has made", "%s is no backup of fitbit2mqtt", path), a.close())
	}
	if err := json.NewDecoder(a.tar).Decode(&a.manifest); err != nil {
		return nil, errors.Join(a.damaged(err), a.close())
	}
	if a.Format > archiveFormat {
		return nil, errors.Join(a.newer(), a.close())
	}
	if a.Format < 1 {
		return nil, errors.Join(a.damaged(errors.New("its list of contents does not say of what kind it is")), a.close())
	}
	return a, nil
}

func (a *archive) close() error { return a.file.Close() }

// unpack writes the databases of those names to where they are to be. Each has to be as
// it was when the backup was made.
func (a *archive) unpack(place func(name string) string, names ...string) error {
	missing := slices.Clone(names)
	for {
		h, err := a.tar.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return a.damaged(err)
		}
		if !slices.Contains(missing, h.name) {
			continue
		}
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == h.name })
		if err := a.extract(h, place(h.name)); err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		return a.damaged(fmt.Errorf("%s is not in it", missing[0]))
	}
	return nil
}

func (a *archive) extract(h tarEntry, target string) error {
	i := slices.IndexFunc(a.Databases, func(d archived) bool { return d.Name == h.name })
	if i < 0 || a.Databases[i].Bytes != h.size {
		return a.damaged(fmt.Errorf("its list of contents does not fit %s", h.name))
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's folder
	if err != nil {
		return sqlite.Classify(target, err)
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, digest), a.tar)
	err = errors.Join(err, f.Close())
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return a.damaged(err)
	case err != nil:
		return sqlite.Classify(target, err)
	case sum(digest) != a.Databases[i].SHA256:
		return a.damaged(fmt.Errorf("%s is not as it was saved", h.name))
	}
	return nil
}

// maker is the version that made a backup, as far as it can be one: the file may be
// anybody's.
func (m manifest) maker() string {
	if strings.ContainsFunc(m.Version, func(r rune) bool { return r <= ' ' || r > '~' }) || len(m.Version) > 80 || m.Version == "" {
		return "unknown"
	}
	return m.Version
}

func (a *archive) damaged(err error) error {
	return fail(exitStorage, "fetch it again from where it is kept, or use another backup; nothing was changed", "%s is damaged: %w", a.path, err)
}

func (a *archive) newer() error {
	return fail(exitStorage, "install that version, or a newer one", "%s was made by a newer version (%s)", a.path, a.maker())
}
