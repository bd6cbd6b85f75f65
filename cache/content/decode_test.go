package content

import "testing"

func TestDecode(t *testing.T) {
	text := func(e Encoding, charset string) *Part {
		return &Part{Type: "text/plain", Encoding: e, Charset: charset}
	}
	for _, c := range []struct {
		name     string
		part     *Part
		form     Form
		in, want string
	}{
		{"raw", nil, Raw, "a\r\n", "a\r\n"},
		{"header", nil, Header, "A: b\r\n c\r\n\r\n", "A: b c\n"},
		{"text as sent", text(Identity, "iso-8859-1"), File, "\xe4\r\n\rb\r\n", "\xe4\n\rb\n"},
		{"quoted-printable", text(QuotedPrintable, "iso-8859-1"), File, "=E4\r\nb=\r\nc", "\xe4\nbc"},
		{"base64 is exact", text(Base64, ""), File, "YQ0KYg==", "a\r\nb"},
		{"binary is exact", text(Binary, ""), File, "a\r\n", "a\r\n"},
		{"uuencode is exact", text(UUEncode, ""), File, "begin 644 a\n#80T*\nend\n", "a\r\n"},
		{"no text", &Part{Type: "image/svg+xml"}, File, "a\r\n", "a\r\n"},
		{"no text, quoted-printable", &Part{Type: "application/x", Encoding: QuotedPrintable}, File, "a\r\nb=0A", "a\r\nb\n"},
		{"shown", text(QuotedPrintable, "iso-8859-1"), Text, "=E4\r\n", "ä\n"},
		{"shown base64", text(Base64, ""), Text, "YQ0KYg==", "a\nb"},
		{"shown UTF-16", text(Base64, "utf-16le"), Text, "YQANAAoAYgA=", "a\nb"},
	} {
		in := []byte(c.in)
		if got := Decode(c.part, c.form, in); string(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if string(in) != c.in {
			t.Errorf("%s: changed its input", c.name)
		}
	}
}

func TestPartForm(t *testing.T) {
	for _, c := range []struct {
		part Part
		want Form
	}{
		{Part{Type: "text/plain"}, Text},
		{Part{Type: "text/calendar", Disposition: "inline"}, Text},
		{Part{Type: "text/plain", Disposition: "attachment"}, File},
		{Part{Type: "text/plain", Named: true}, File},
		{Part{Type: "image/png"}, File},
		{Part{}, File},
	} {
		if got := c.part.Form(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.part, got, c.want)
		}
	}
}
