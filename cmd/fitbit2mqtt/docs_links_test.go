package main

import (
	"bytes"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// published is where links from elsewhere find a file of the repository.
const published = "https://github.com/fitbit2mqtt/fitbit2mqtt/blob/main/"

// documents are the pages that people read.
func documents(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md", "homeassistant-app/*.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	return files
}

// prose is a document without its code, where brackets are no links.
func prose(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	fenced := false
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if !fenced && !strings.HasPrefix(line, "    ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// headings are the anchors that a page has on GitHub.
func headings(t *testing.T, file string) map[string]bool {
	t.Helper()
	anchors := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#{1,6} (.+)$`).FindAllStringSubmatch(prose(t, file), -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1")
		text = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(text), "")
		anchors[strings.ReplaceAll(strings.TrimSpace(text), " ", "-")] = true
	}
	return anchors
}

// Whoever follows a link arrives: at a file or a folder that is there, with its letters
// in the same case, and at a heading that it has.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(\s*<?([^)\s>]+)`)
	elsewhere := regexp.MustCompile(regexp.QuoteMeta(published) + `[\w./#-]*`)
	checked := 0
	for _, file := range documents(t) {
		text := prose(t, file)
		targets := elsewhere.FindAllString(text, -1)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			targets = append(targets, m[1])
		}
		for _, target := range targets {
			from := filepath.Dir(file)
			local, ours := strings.CutPrefix(target, published)
			if ours {
				from = repository
			}
			u, err := url.Parse(local)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			checked++
			to := file
			if u.Path != "" {
				to = filepath.Join(from, u.Path)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s leads nowhere", file, target)
				continue
			}
			if strings.HasPrefix(filepath.Clean(to), "../../..") {
				t.Errorf("%s: %s leads out of the repository", file, target)
			}
			if u.Fragment != "" && !headings(t, to)[u.Fragment] {
				t.Errorf("%s: %s has no such heading", file, target)
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d links were found", checked)
	}
}

// What Home Assistant shows of the app is shown without the files around it.
func TestLinksOfTheApp(t *testing.T) {
	t.Parallel()
	for _, file := range documents(t) {
		if filepath.Base(filepath.Dir(file)) != "homeassistant-app" {
			continue
		}
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)`).FindAllStringSubmatch(prose(t, file), -1) {
			if !strings.HasPrefix(m[1], "https://") && !strings.HasPrefix(m[1], "http://") {
				t.Errorf("%s: %s", file, m[1])
			}
		}
	}
}

// Every picture can be seen, and is shown somewhere.
func TestPictures(t *testing.T) {
	t.Parallel()
	pictures, err := filepath.Glob(filepath.Join(repository, "docs", "images", "*"))
	if err != nil || len(pictures) == 0 {
		t.Fatalf("%q, %v", pictures, err)
	}
	var all strings.Builder
	for _, file := range documents(t) {
		all.WriteString(prose(t, file))
	}
	for _, file := range pictures {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if !strings.Contains(all.String(), "images/"+filepath.Base(file)+")") {
			t.Errorf("%s is shown nowhere", file)
		}
	}
}

// Addresses of the repository's own files are right outside of its documents, too.
func TestAddressesOfTheHouse(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(regexp.QuoteMeta(published) + `([\w./-]*\w)`)
	for _, file := range []string{"docker/Dockerfile", "examples/home-assistant/weighed_in.yaml"} {
		b, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		found := address.FindAllStringSubmatch(string(b), -1)
		if len(found) == 0 {
			t.Errorf("%s names no address", file)
		}
		for _, m := range found {
			if _, err := os.Stat(filepath.Join(repository, m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[0])
			}
		}
	}
}
