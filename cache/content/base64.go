package content

import "encoding/base64"

// DecodeBase64 placeholder
func DecodeBase64(src []byte) []byte {
	clean := make([]byte, 0, len(src))
	for _, c := range src {
		if isBase64(c) {
			clean = append(clean, c)
		}
	}
	out := make([]byte, len(clean))
	n, _ := base64.RawStdEncoding.Decode(out, clean)
	return out[:n]
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}
