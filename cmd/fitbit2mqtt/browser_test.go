package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	chromelog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// tab is a tab of a headless Chromium, and who sits before it. Whatever the browser
// complains about fails the test, unless it was tolerated.
type tab struct {
	t      testing.TB
	ctx    context.Context //nolint:containedctx // chromedp's handle of a tab
	script string          // page.js
	// frame is true while everything happens in the page's first frame, which must
	// fill the window.
	frame bool

	mu         sync.Mutex
	complaints []string
	tolerated  []string
}

// openBrowser starts a Chromium that knows nothing yet, and ends it with the test.
// Where there is none the test is skipped, or fails if CI is set.
func openBrowser(tb testing.TB) *tab {
	tb.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "browser", "page.js"))
	if err != nil {
		tb.Fatal(err)
	}
	// Everything is on this machine, and is to stay there.
	ctx, cancel := chromedp.NewExecAllocator(tb.Context(), chromedp.ExecPath(chromium(tb)), chromedp.UserDataDir(tb.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-extensions", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"))
	tb.Cleanup(cancel)
	return newTab(tb, ctx, string(script))
}

func chromium(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary
		}
	}
	if os.Getenv("CI") != "" {
		tb.Fatal("chromium is not installed")
	}
	tb.Skip("chromium is not installed")
	return ""
}

//nolint:revive // the context is the browser it opens in, not what bounds the call
func newTab(tb testing.TB, browser context.Context, script string, o ...chromedp.ContextOption) *tab {
	tb.Helper()
	ctx, cancel := chromedp.NewContext(browser, o...)
	b := &tab{t: tb, ctx: ctx, script: script}
	if err := chromedp.Do(ctx); err != nil { // not within a deadline: the browser would end with it
		tb.Fatalf("chromium does not start: %v", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		tb.Fatal(err)
	}
	tell(b, network.Enable, network.EnableParams{})
	// Of several tabs only one has the window's focus; each is to behave as if it had it.
	tell(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	tb.Cleanup(func() {
		for _, c := range b.heard() {
			tb.Errorf("the browser complains: %s", c)
		}
		cancel()
	})
	return b
}

// another opens a second tab beside the first.
func (b *tab) another() *tab {
	b.t.Helper()
	return newTab(b.t, b.ctx, b.script)
}

// opens clicks a link that opens a tab of its own, and returns that.
func (b *tab) opens(name string) *tab {
	b.t.Helper()
	created := chromedp.WaitNewTarget(b.ctx, func(i *target.Info) bool { return i.Type == "page" && i.URL != "" && i.URL != "about:blank" })
	b.click(name)
	select {
	case id := <-created:
		return newTab(b.t, b.ctx, b.script, chromedp.WithTargetID(id))
	case <-time.After(patience):
		b.t.Fatalf("%q opens no tab", name)
	}
	return nil
}

// hear takes what the browser says. It must not block.
func (b *tab) hear(event any) {
	complaint := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			complaint = fmt.Sprintf("console.%s", e.Type)
			if len(e.Args) > 0 {
				complaint += " " + string(e.Args[0].Value)
			}
		}
	case *runtime.EventExceptionThrown:
		complaint = "exception: " + e.ExceptionDetails.Text
	case *chromelog.EventEntryAdded:
		if e.Entry.Level == chromelog.EntryLevelError || e.Entry.Level == chromelog.EntryLevelWarning {
			complaint = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			complaint = fmt.Sprintf("answered with status of %d: %s", e.Response.Status, e.Response.URL)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" { // aborted: the script's look that a navigation cut short
			complaint = fmt.Sprintf("%s does not load: %s %s", e.Type, e.ErrorText, e.BlockedReason)
		}
	}
	if complaint != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, complaint)
	}
}

// tolerate names complaints that belong to what the test does.
func (b *tab) tolerate(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tolerated = append(b.tolerated, texts...)
}

func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.complaints), func(c string) bool {
		return slices.ContainsFunc(b.tolerated, func(t string) bool { return strings.Contains(c, t) })
	})
}

// tell sends a command of the DevTools protocol.
func tell[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, c, params)
	if err != nil {
		b.t.Fatalf("%s: %v", c.Method, err)
	}
	return r
}

// ask evaluates a function of page.js. It fails while one page makes way for another.
func ask[T any](b *tab, function string, args ...any) (T, error) {
	list, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		return *new(T), err
	}
	doc := "document"
	if b.frame {
		doc = "frames[0].document"
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](b.script+"("+doc+")."+function+"(..."+string(list)+")", chromedp.EvalAsValue))
}

// until asks again and again, until the answer is good.
func until[T any](b *tab, what string, good func(T) bool, function string, args ...any) T {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := ask[T](b, function, args...)
		if err == nil && good(answer) {
			return answer
		}
		select {
		case <-tick.C:
		case <-deadline:
			text, _ := ask[string](b, "text")
			b.t.Fatalf("%s: never happened (%v). At %s the page says:\n%s", what, err, b.address(), text)
		}
	}
}

// visit goes to an address, as if it were typed.
func (b *tab) visit(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		b.t.Fatalf("%s: %v", address, err)
	}
}

// address is what stands in the address bar, also where nobody answered.
func (b *tab) address() string {
	b.t.Helper()
	h := tell(b, page.GetNavigationHistory, cdp.Empty{})
	return h.Entries[h.CurrentIndex].URL
}

// sees waits for a text to appear.
func (b *tab) sees(text string) string {
	b.t.Helper()
	return until(b, "“"+text+"” appears", func(s string) bool { return strings.Contains(s, text) }, "text")
}

// misses waits for a text to disappear.
func (b *tab) misses(text string) {
	b.t.Helper()
	until(b, "“"+text+"” disappears", func(s string) bool { return s != "" && !strings.Contains(s, text) }, "text")
}

// click presses a button, a link or a label by its name.
func (b *tab) click(name string) { b.clickOn("button, a, summary, label", name) }

func (b *tab) clickOn(selector, name string) {
	b.t.Helper()
	at := until(b, "“"+name+"” can be clicked", func(at []float64) bool { return len(at) == 2 }, "spot", selector, name)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.MouseClickXY(at[0], at[1])); err != nil {
		b.t.Fatal(err)
	}
}

// follow clicks on what leads to another page, and waits for that.
func (b *tab) follow(name string) {
	b.t.Helper()
	until(b, "the page can be left", func(ok bool) bool { return ok }, "leaving")
	b.clickOn("button, a", name)
	until(b, "“"+name+"” leads somewhere", func(ok bool) bool { return ok }, "arrived")
}

// fill writes into the field with that label.
func (b *tab) fill(label, text string) {
	b.t.Helper()
	b.clickOn("label", label)
	until(b, label+" has the focus", func(s string) bool { return strings.HasPrefix(s, label) }, "select")
	tell(b, input.InsertText, input.InsertTextParams{Text: text})
}

// view sets the window and the theme.
func (b *tab) view(width int64, theme string) {
	b.t.Helper()
	tell(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}
