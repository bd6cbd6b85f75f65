package content

import "encoding/binary"

// base64Value maps an octet to its six bits, or to one of the marks below.
// RFC 4648's URL alphabet is junk here, as in every mail reader.
var base64Value = func() (t [256]uint8) {
	for i := range t {
		t[i] = base64Junk
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = uint8(i)
	}
	t['='] = base64Pad
	return t
}()

const (
	base64Pad  = 0x40
	base64Junk = 0x80
)

// base64Quad holds, for each place in a group of four, an octet's bits where
// the group's 24 bits have them; bit 31 is set for what is no digit.
var base64Quad = func() (t [4][256]uint32) {
	for place := range t {
		for c, v := range base64Value {
			t[place][c] = uint32(v) << (18 - 6*place)
			if v >= base64Pad {
				t[place][c] = 1 << 31
			}
		}
	}
	return t
}()

func isBase64(c byte) bool { return base64Value[c] < base64Pad }

// DecodeBase64 decodes base64 (RFC 2045, section 6.8) as far as it goes: what is
// no digit is skipped, and missing padding is made up for. After padding it goes
// on if only base64 follows, as where several encoders' output was joined, but
// not into text such as a mailing list's footer.
func DecodeBase64(src []byte) []byte {
	out := make([]byte, DecodedRoom(len(src)))
	n, joined := 0, false
	for len(src) > 0 {
		used, made := decodeQuads(out[n:], src)
		src, n = src[used:], n+made
		if used > 0 && len(src) > 2 && src[0] == '\r' && src[1] == '\n' {
			src = src[2:] // a line end between two groups, as nearly all are
			continue
		}
		used, made = decodeGroup(out[n:], src)
		padded := used > 0 && src[used-1] == '=' && made > 0
		src, n = src[used:], n+made
		if padded && !joined {
			if joined = onlyBase64(src); !joined {
				break
			}
		}
	}
	return out[:n]
}

// onlyBase64 reports whether b has nothing but digits, padding and white space.
func onlyBase64(b []byte) bool {
	for _, c := range b {
		if base64Value[c] == base64Junk && c != '\r' && c != '\n' && c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

// decodeQuads decodes whole groups of four digits until the first octet that is
// none. dst has room for three octets for each four of src.
func decodeQuads(dst, src []byte) (used, made int) {
	total := len(src)
	room := len(dst)
	// Two groups at once; eight octets are stored and two of them overwritten.
	for len(src) >= 8 && len(dst) >= 8 {
		v := base64Quad[0][src[0]] | base64Quad[1][src[1]] | base64Quad[2][src[2]] | base64Quad[3][src[3]]
		w := base64Quad[0][src[4]] | base64Quad[1][src[5]] | base64Quad[2][src[6]] | base64Quad[3][src[7]]
		if (v|w)>>31 != 0 {
			break
		}
		binary.BigEndian.PutUint64(dst, uint64(v)<<40|uint64(w)<<16)
		src, dst = src[8:], dst[6:]
	}
	for len(src) >= 4 && len(dst) >= 3 {
		v := base64Quad[0][src[0]] | base64Quad[1][src[1]] | base64Quad[2][src[2]] | base64Quad[3][src[3]]
		if v>>31 != 0 {
			break
		}
		dst[0], dst[1], dst[2] = byte(v>>16), byte(v>>8), byte(v)
		src, dst = src[4:], dst[3:]
	}
	return total - len(src), room - len(dst)
}

// decodeGroup decodes one group, skipping junk before and inside it.
func decodeGroup(dst, src []byte) (used, made int) {
	var v uint32
	digits := 0
	for used < len(src) && digits < 4 {
		b := base64Value[src[used]]
		used++
		if b == base64Pad && digits > 0 {
			break
		}
		if b < base64Pad {
			v = v<<6 | uint32(b)
			digits++
		}
	}
	// One digit alone has too few bits for an octet.
	switch digits {
	case 2:
		dst[0] = byte(v >> 4)
		return used, 1
	case 3:
		dst[0], dst[1] = byte(v>>10), byte(v>>2)
		return used, 2
	case 4:
		dst[0], dst[1], dst[2] = byte(v>>16), byte(v>>8), byte(v)
		return used, 3
	}
	return used, 0
}
