package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// names are what is in a folder, drafts among it.
func names(t *testing.T, folder string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// Only what was left behind of the same errand is thrown away.
func TestDrafts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	at := filepath.Join(folder, "home.tar")
	put := func(name string, isFolder bool) {
		t.Helper()
		path := filepath.Join(folder, name)
		var err error
		if isFolder {
			if err = os.Mkdir(path, 0o700); err == nil {
				path = filepath.Join(path, tokensFile)
			}
		}
		if err := errors.Join(err, os.WriteFile(path, []byte("sign-ins"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(".home.tar.1234.fitbit2mqtt-draft", true)
	put(".home.tar.567.fitbit2mqtt-draft", false)
	others := []string{".home.tar.bak", ".home.tar.mine.fitbit2mqtt-draft", ".other.tar.1.fitbit2mqtt-draft", "a-letter", "link"}
	put(".other.tar.1.fitbit2mqtt-draft", false)
	put(".home.tar.bak", false)
	put(".home.tar.mine.fitbit2mqtt-draft", false)
	put("a-letter", false)
	if err := errors.Join(os.Symlink("a-letter", filepath.Join(folder, "link")), os.Symlink("a-letter", filepath.Join(folder, ".home.tar.8.fitbit2mqtt-draft"))); err != nil {
		t.Fatal(err)
	}
	others = append([]string{".home.tar.8.fitbit2mqtt-draft"}, others...) // a link is none of ours

	work, leave, err := draftFolder(at)
	if err != nil {
		t.Fatal(err)
	}
	f, err := draftFile(at) // meanwhile
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(others), filepath.Base(work), filepath.Base(f.Name()))
	slices.Sort(want)
	if got := names(t, folder); !slices.Equal(got, want) {
		t.Errorf("there are\n%v, want\n%v", got, want)
	}
	if err := errors.Join(leave(), f.Close()); err != nil { // as if both were killed
		t.Fatal(err)
	}
	clearDrafts(at)
	if got := names(t, folder); !slices.Equal(got, others) {
		t.Errorf("there are\n%v, want\n%v", got, others)
	}
}

// Of many with the same errand at once nobody throws another's work away.
func TestDraftsOfManyAtOnce(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "home.tar")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				f, err := draftFile(at)
				if err != nil {
					t.Error(err)
					return
				}
				work, leave, err := draftFolder(at)
				if err != nil {
					t.Error(err)
					return
				}
				err = errors.Join(os.WriteFile(filepath.Join(work, "copy"), nil, 0o600), os.Remove(f.Name()), f.Close(), os.RemoveAll(work), leave())
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := names(t, filepath.Dir(at)); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}
