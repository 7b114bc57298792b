package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed assets
var assetFiles embed.FS

// pages are the templates by name.
type pages map[string]*template.Template

func parsePages() pages {
	functions := template.FuncMap{"sentence": sentence, "links": links}
	all := make(pages)
	for _, name := range []string{"overview", "person", "connect", "signin", "message", "login"} {
		all[name] = template.Must(template.New("base.html").Funcs(functions).
			ParseFS(templates, "templates/base.html", "templates/"+name+".html"))
	}
	return all
}

// page is what every page has.
type page struct {
	Title     string
	Root      string // the way back to the root, such as "../"
	Nav       string // the current page in the navigation; empty: no navigation
	Live      bool   // kept up to date by the script
	Refresh   string // and without a script by this refresh, such as "30" seconds; empty: none
	CanLogOut bool
	Version   string
	Notice    string
	NameRule  string
}

func (s *site) page(r *http.Request, title, nav string) page {
	return page{
		Title: title, Root: door.Root(r), Nav: nav, CanLogOut: s.Password != "" && r.Header.Get("X-Ingress-Path") == "",
		Version: s.Version, NameRule: fitbit.NameRule,
	}
}

// render writes a page.
func render[V any](s *site, w http.ResponseWriter, r *http.Request, status int, name string, view V) {
	var b bytes.Buffer
	if err := s.pages()[name].Execute(&b, view); err != nil {
		s.Log.Error("page could not be made", "page", name, "error", err)
		http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	send(w, r, status, b.Bytes())
}

// send writes an answer; a browser that has it already is told so. The length is said
// even to those who ask for the head alone.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if status == http.StatusOK {
		sum := sha256.Sum256(body)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body)) // knows lists of tags, and weak ones from proxies
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // made by html/template, an SVG writer or an encoder; a browser that hangs up needs no answer
}

type messageView struct {
	page
	Text string
}

// refuse says in plain words why there is no page.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	nav := ""
	if status == http.StatusNotFound || status >= http.StatusInternalServerError {
		nav = "none"
	}
	v := messageView{page: s.page(r, http.StatusText(status), nav), Text: text}
	v.CanLogOut = false
	if nav == "" {
		v.Version = "" // not for strangers
	}
	render(s, w, r, status, "message", v)
}

// trouble says that something of ours failed.
func (s *site) trouble(w http.ResponseWriter, r *http.Request, doing string, err error) {
	if r.Context().Err() != nil {
		return // nobody is left to tell
	}
	s.Log.Error("page failed", "doing", doing, "error", err)
	text := "this did not work; the log says why"
	if errors.Is(err, fitbit.ErrStorage) {
		text = "the bridge's own files cannot be read or written; the log says why"
		if hint := fitbit.Hint(err); hint != "" {
			text = "the bridge's own files cannot be read or written. " + hint
		}
	}
	s.refuse(w, r, http.StatusInternalServerError, text)
}

type loginView struct {
	page
	Failed bool
	Wait   string
	Action string
}

// login asks for the password.
func (s *site) login(w http.ResponseWriter, r *http.Request, f door.LoginForm) {
	v := loginView{page: s.page(r, "Sign in", ""), Failed: f.Failed, Action: f.Action}
	v.CanLogOut, v.Version = false, ""
	if f.Wait > 0 {
		v.Wait = fmt.Sprintf("%d seconds", int(f.Wait/time.Second))
	}
	render(s, w, r, f.Status, "login", v)
}

// assets serves the few files that never change while the process runs.
func assets() http.Handler {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic("web: assets: " + err.Error()) // a name in this file is wrong
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/assets/")
		if name == "/favicon.ico" {
			name = "favicon.svg"
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			http.Error(w, "There is no such file.", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", map[string]string{
			".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
		}[path.Ext(name)])
		w.Header().Set("Cache-Control", "no-cache") // an update shows at once
		send(w, r, http.StatusOK, body)
	})
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// links finds the addresses in a text.
func links(s string) (list []segment) {
	for _, at := range regexp.MustCompile(`https://[^\s<>"]*[\w/=-]`).FindAllStringIndex(s, -1) {
		done := 0
		for _, seg := range list {
			done += len(seg.Text)
		}
		list = append(list, segment{Text: s[done:at[0]]}, segment{Text: s[at[0]:at[1]], URL: s[at[0]:at[1]]})
	}
	done := 0
	for _, seg := range list {
		done += len(seg.Text)
	}
	return append(list, segment{Text: s[done:]})
}
