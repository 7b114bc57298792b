package main

import (
	"bytes"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// The folder has what the app's page shows, and no other file looks like a manifest.
func TestManifestFolder(t *testing.T) {
	for name, size := range map[string][2]int{"icon.png": {128, 128}, "logo.png": {250, 100}} {
		f, err := os.Open(filepath.Join(manifestDir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if c, err := png.DecodeConfig(f); err != nil || [2]int{c.Width, c.Height} != size {
			t.Errorf("%s: %v %v", name, c, err)
		}
	}
	docs, err := os.ReadFile(manifestDir + "/DOCS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range appOptions() {
		if row := fmt.Sprintf("| %s | `%s` |", o.label, o.name); !bytes.Contains(docs, []byte(row)) {
			t.Errorf("DOCS.md has no row that begins with %s", row)
		}
	}
	var repo struct{ Name, URL, Maintainer string }
	readYAML(t, repository+"/repository.yaml", &repo)
	if repo.Name == "" || repo.URL == "" || repo.Maintainer == "" {
		t.Errorf("repository.yaml: %+v", repo)
	}
	err = filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if own := filepath.Join(manifestDir, "config.yaml"); d.Name() == "config.yaml" && path != own && filepath.Dir(path) != repository {
			t.Errorf("%s would be taken for the manifest of another app", path) // at the root, it is somebody's own
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// The profile is one that AppArmor takes, and that the Supervisor can give its own name.
func TestAppArmor(t *testing.T) {
	profile := manifestDir + "/apparmor.txt"
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^profile ([^ ]+)`).FindAllSubmatch(text, -1)
	if len(names) != 1 || string(names[0][1]) != readManifest(t).Slug {
		t.Errorf("the profiles are %q", names)
	}
	for _, never := range []string{"capability", " ux", " Ux", "file,", "network,", "unconfined"} {
		if rules := regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAll(text, nil); bytes.Contains(rules, []byte(never)) {
			t.Errorf("the profile has a rule with %q", never)
		}
	}
	parser, err := exec.LookPath("apparmor_parser")
	if err != nil {
		parser, err = exec.LookPath("/usr/sbin/apparmor_parser")
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("apparmor_parser is not installed")
		}
		t.Skip("apparmor_parser is not installed")
	}
	out, err := exec.CommandContext(t.Context(), parser, "--skip-kernel-load", "--skip-cache", profile).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
