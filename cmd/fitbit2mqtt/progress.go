package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress tells whoever sits at a terminal how far a long errand is. To anything but a
// terminal it says nothing.
type progress struct {
	w      io.Writer
	seen   bool
	start  time.Time
	waited time.Duration // of which the cloud kept us waiting

	bar     string        // as it was shown last
	stalled time.Duration // for how long we have waited since
}

func newProgress(w io.Writer) *progress {
	f, isFile := w.(*os.File)
	return &progress{w: w, seen: isFile && isTerminal(f), start: time.Now()}
}

// isTerminal reports whether somebody sits at the other end. The null device is a character
// device, too, and where a stream leads does not show in its name.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// show draws the bar for so much done of all, when the rest has to wait for so long.
func (p *progress) show(done, all int, waits time.Duration) {
	p.bar, p.stalled = bar(done, all), 0
	p.say(p.bar + left(done, all, time.Since(p.start)-p.waited, waits))
}

// say replaces the line.
func (p *progress) say(line string) {
	if p.seen {
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	}
}

func (p *progress) clear() { p.say("") }

// bar is how far it is.
func bar(done, all int) string {
	const width = 30
	all = max(all, 1)
	done = min(max(done, 0), all)
	full := width * done / all
	return fmt.Sprintf("[%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat("-", width-full), 100*done/all)
}

// left is how much longer it takes if it goes on as fast as in the time that it worked, or
// as the cloud lets it: it does the one during the other.
func left(done, all int, worked, waits time.Duration) string {
	if done <= 0 || done >= all || worked <= 0 {
		return ""
	}
	work := time.Duration(float64(worked) / float64(done) * float64(all-done))
	return "  " + about(max(work, waits)) + " left"
}

// about is a time span as people say it.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds())+1)
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes())+1)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
