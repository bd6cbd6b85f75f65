package main

import (
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// document is docs/performance.md.
//
//go:embed performance.md.tmpl
var document string

// Between these lines of the document stand notes by hand. They are kept.
const notesBegin, notesEnd = "<!-- notes: kept by imapfs-bench -->", "<!-- end of notes -->"

// write puts the document and its plots into a directory.
func (r *results) write(dir string) error {
	images := filepath.Join(dir, "performance")
	if err := os.MkdirAll(images, 0o755); err != nil {
		return err
	}
	plots, err := r.plots(images, ".svg")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "performance.md")
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	has := map[string]bool{}
	for _, name := range plots {
		has[name] = true
	}
	t, err := template.New("").Parse(document)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]any{
		"Machine": r.Machine, "Command": r.Command, "Duration": r.Duration.Round(time.Minute).Minutes(),
		"Targets": markdown(r.targets()), "Details": markdown(r.details()), "Missed": r.missed(),
		"Failures": r.Failures, "Plots": has, "Begin": notesBegin, "End": notesEnd, "Notes": notes(string(old)),
	}); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// notes are what stands between the marks in a document.
func notes(document string) string {
	_, after, found := strings.Cut(document, notesBegin)
	inside, _, ended := strings.Cut(after, notesEnd)
	if !found || !ended {
		return ""
	}
	return strings.TrimSpace(inside)
}

// missed are the rows whose target is not met.
func (r *results) missed() (all []row) {
	for _, x := range r.Rows {
		if x.Verdict == missed {
			all = append(all, x)
		}
	}
	return all
}

// save and load keep results in a file, so that a document can be made of them
// again.
func (r *results) save(file string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

func load(file string) (*results, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(results)
	return r, json.Unmarshal(data, r)
}
