package demo

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
)

// file is an attachment's content.
type file struct {
	mediaType string
	data      []byte
}

// pdf is a page with lines of text, which are ASCII: the fonts that every
// reader has know no more without an encoding of their own.
func pdf(lines ...string) file {
	var page strings.Builder
	page.WriteString("BT /F1 12 Tf 72 770 Td 18 TL\n")
	for _, line := range lines {
		fmt.Fprintf(&page, "(%s) Tj T*\n", strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(line))
	}
	page.WriteString("ET")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", page.Len(), page.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	var table strings.Builder
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start, count := b.Len(), len(objects)+1
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n%s", count, table.String())
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", count, start)
	return file{"application/pdf", b.Bytes()}
}

// docx is a document for a word processor (ECMA-376), of paragraphs.
func docx(paragraphs ...string) file {
	var text strings.Builder
	for _, p := range paragraphs {
		text.WriteString("<w:p><w:r><w:t>")
		xml.EscapeText(&text, []byte(p))
		text.WriteString("</w:t></w:r></w:p>")
	}
	var b bytes.Buffer // takes everything: no error to look at
	w := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` +
			text.String() + `</w:body></w:document>`},
	} {
		if f, err := w.Create(part[0]); err == nil {
			f.Write([]byte(xml.Header + part[1]))
		}
	}
	w.Close()
	return file{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", b.Bytes()}
}

// picture is a PNG of stripes in two colours, as wide as high.
func picture(side int, back, front color.Color) file {
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{back, front})
	for y := 0; y < side; y += side / 8 {
		stripe := image.Rect(y/2, y, side-y/2, y+side/16)
		draw.Draw(img, stripe, image.NewUniform(front), image.Point{}, draw.Src)
	}
	var b bytes.Buffer // takes everything: no error to look at
	png.Encode(&b, img)
	return file{"image/png", b.Bytes()}
}

// csv is a table of lines, in UTF-8.
func csv(lines ...string) file {
	return file{"text/csv; charset=utf-8", []byte(strings.Join(lines, "\n") + "\n")}
}

// event is an invitation (RFC 5545); the times are like 20260620T080000Z.
func event(summary, place, start, end string) file {
	return file{"text/calendar; charset=utf-8; method=REQUEST", []byte(strings.ReplaceAll(fmt.Sprintf(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example.org//demo//EN
METHOD:REQUEST
BEGIN:VEVENT
UID:%s@example.org
DTSTAMP:%s
DTSTART:%s
DTEND:%s
SUMMARY:%s
LOCATION:%s
ORGANIZER:mailto:layla@example.com
ATTENDEE:mailto:nora@example.org
END:VEVENT
END:VCALENDAR
`, start, start, start, end, summary, place), "\n", crlf))}
}
