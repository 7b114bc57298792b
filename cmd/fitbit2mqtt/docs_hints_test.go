package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// Whoever reads a hint, in a terminal, on the page or in a topic, finds it in the
// manual of troubles, and every state of a connection with it.
func TestTroubleshootingManual(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	text := unmarked(string(raw))
	hints := hintsInTheCode(t)
	if len(hints) < 100 {
		t.Fatalf("only %d hints were found in the code", len(hints))
	}
	for _, hint := range hints {
		if !strings.Contains(text, unmarked(hint)) {
			t.Errorf("docs/troubleshooting.md does not know %q", hint)
		}
	}
	sections := manual(t, "troubleshooting.md")
	for _, s := range bridge.States() {
		if sections[string(s)] == "" {
			t.Errorf("docs/troubleshooting.md has no section about the state %s", s)
		}
	}
}

// unmarked is a text without what differs between a terminal and a page.
func unmarked(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.NewReplacer(`"`, "", "`", "", `\|`, "|").Replace(s)), " "))
}

// hintAt says which argument of a function is a hint.
var hintAt = map[string]int{"fail": 1, "warn": 1, "bad": 2}

// hintsInTheCode reads the program's own source: the constant parts of all hints,
// those between what is filled in.
func hintsInTheCode(t *testing.T) (hints []string) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, e := range hintExpressions(n) {
				hints = append(hints, constants(e)...)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(hints)
	return slices.Compact(hints)
}

// hintExpressions returns what a node says to do.
func hintExpressions(n ast.Node) (list []ast.Expr) {
	isHint := func(name string) bool {
		name = strings.ToLower(name)
		return strings.HasSuffix(name, "hint") || name == "advice" || name == "remedy" || name == "repair" || name == "signinagain" || name == "tickall"
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && isHint(key.Name) {
			list = append(list, n.Value)
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 2 {
			if at, ok := hintAt[f.Name]; ok {
				list = append(list, n.Args[at])
			}
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if field, ok := left.(*ast.SelectorExpr); ok {
				left = field.Sel
			}
			if name, ok := left.(*ast.Ident); ok && isHint(name.Name) && len(n.Lhs) == len(n.Rhs) {
				list = append(list, n.Rhs[i])
			}
		}
	case *ast.CompositeLit: // sqlite.Error, without names
		if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "Error" && len(n.Elts) == 4 {
			list = append(list, n.Elts[2])
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if isHint(name.Name) && i < len(n.Values) {
				list = append(list, n.Values[i])
			}
		}
	case *ast.FuncDecl:
		if isHint(n.Name.Name) && n.Body != nil {
			ast.Inspect(n.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok {
					list = append(list, r.Results...)
				}
				return true
			})
		}
	}
	return list
}

// constants returns the sentences of an expression, cut where something is filled in.
func constants(e ast.Expr) (list []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		s, err := strconv.Unquote(literal.Value)
		if err != nil {
			return true
		}
		for _, part := range regexp.MustCompile(`%[a-z.0-9]*[a-z]`).Split(s, -1) {
			if part = strings.Trim(part, " .,;:"); len(part) > 11 && !strings.Contains(part, `\b`) { // not a pattern
				list = append(list, part)
			}
		}
		return true
	})
	return list
}
