package guard

import "testing"

// TestStandIn takes the empty part that stands for a multipart without a
// boundary for no structure, and other empty parts for what they are.
func TestStandIn(t *testing.T) {
	const standIn = `("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 0 0 NIL NIL NIL NIL)`
	for structure, want := range map[string]bool{
		standIn: false,
		`(` + standIn + ` "MIXED" NIL NIL NIL NIL)`:                                                     false,
		`(` + standIn + standIn + ` "MIXED" NIL NIL NIL NIL)`:                                           true,
		`("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "8BIT" 0 0 NIL NIL NIL NIL)`:                       true,
		`("TEXT" "PLAIN" ("CHARSET" "us-ascii" "NAME" "empty.txt") NIL NIL "7BIT" 0 0 NIL NIL NIL NIL)`: true,
		`("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 2 1 NIL NIL NIL NIL)`:                    true,
		`("APPLICATION" "PDF" NIL NIL NIL "BASE64" 0 NIL NIL NIL NIL)`:                                  true,
	} {
		x := lexer{b: []byte(structure)}
		v, ok := x.value()
		if ok {
			_, ok = x.parts(v)
		}
		if ok != want {
			t.Errorf("%s: %v", structure, ok)
		}
	}
}
