package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Format is how rows are written.
type Format string

// The formats. An unknown value is empty in CSV, and null in the others.
const (
	CSV    Format = "csv"    // RFC 4180 with a header; lines end with LF
	JSON   Format = "json"   // one array, an object a line
	NDJSON Format = "ndjson" // an object a line
)

// Formats lists them.
func Formats() []Format { return []Format{CSV, JSON, NDJSON} }

// Write writes rows as they come. Errors: those of the rows and of w; then w holds what
// came before.
func Write(w io.Writer, f Format, rows Rows) error {
	switch f {
	case CSV:
		return writeCSV(w, rows)
	case JSON:
		return writeJSON(w, rows, "[", ",\n", "]\n")
	case NDJSON:
		return writeJSON(w, rows, "", "\n", "\n")
	}
	return fmt.Errorf("unknown format %q", f)
}

func writeCSV(w io.Writer, rows Rows) error {
	out := csv.NewWriter(w)
	if err := out.Write(rows.Columns); err != nil {
		return err
	}
	line := make([]string, len(rows.Columns))
	for row, err := range rows.All {
		if err != nil {
			out.Flush()
			return errors.Join(err, out.Error())
		}
		for i, c := range row {
			if line[i] = c.text; c.foreign {
				line[i] = harmless(c.text)
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// harmless keeps a spreadsheet from taking a device's name for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// writeJSON writes an object for each row. Without any, what is between is nowhere.
func writeJSON(w io.Writer, rows Rows, before, between, after string) error {
	out := bufio.NewWriter(w)
	_, _ = out.WriteString(before) // its first error comes back from Flush; so below
	keys := make([]string, len(rows.Columns))
	for i, column := range rows.Columns {
		keys[i] = quoted(column) + ":"
	}
	some := false
	for row, err := range rows.All {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if some {
			_, _ = out.WriteString(between)
		}
		some = true
		for i, c := range row {
			_ = out.WriteByte("{,"[min(i, 1)])
			_, _ = out.WriteString(keys[i])
			_, _ = out.WriteString(c.json())
		}
		if err := out.WriteByte('}'); err != nil {
			return err // nobody listens any more
		}
	}
	if some || before != "" {
		_, _ = out.WriteString(after)
	}
	return out.Flush()
}

func (c Cell) json() string {
	switch {
	case c.text == "":
		return "null"
	case c.literal:
		return c.text
	}
	return quoted(c.text)
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return "null" // no string fails
	}
	return string(b)
}
