package main

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"sync"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// tongue is a language as mail is written in it: words, and how they are sent.
type tongue struct {
	charset  string
	encoding encoding.Encoding
	transfer string // Content-Transfer-Encoding
	share    int    // how much of the mail is in it
	words    string
}

var tongues = []tongue{
	{"us-ascii", encoding.Nop, "7bit", 45, "the report is attached please review it before the meeting on monday and send your comments to the team budget schedule invoice contract customer delivery update version release plan question answer tomorrow project server number change order price"},
	{"utf-8", unicode.UTF8, "quoted-printable", 15, "Größe Straße schöne Grüße Prüfung Änderung möglich nächste Woche Besprechung Rechnung geändert Anhänge bestätigen über die Verfügung und für alle wird heute neu"},
	{"iso-8859-1", charmap.ISO8859_1, "quoted-printable", 10, "réunion pièce jointe à été déjà où très équipe février client référence modifié reçu bonjour merci pour la facture avec le contrat"},
	{"iso-8859-2", charmap.ISO8859_2, "8bit", 5, "załącznik proszę wiadomość dzień dobry środa źródło żółty książka potwierdzenie faktura oraz umowa"},
	{"koi8-r", charmap.KOI8R, "8bit", 5, "отчёт договор встреча завтра вложение пожалуйста срочно счёт проект изменения спасибо вопрос ответ"},
	{"iso-2022-jp", japanese.ISO2022JP, "7bit", 8, "会議 資料 添付 確認 お願いします 明日 請求書 よろしく 報告 変更 ありがとう"},
	{"gb18030", simplifiedchinese.GB18030, "base64", 6, "附件 会议 请 查收 报告 合同 明天 谢谢 项目 发票 确认"},
	{"euc-kr", korean.EUCKR, "base64", 3, "회의 첨부 파일 확인 부탁드립니다 내일 감사합니다 보고서 계약"},
	{"utf-8", unicode.UTF8, "base64", 3, "बैठक रिपोर्ट संलग्न कल धन्यवाद परियोजना अनुबंध"},
}

// textLines is how many lines of text there are of each tongue, of which every
// body is a run. It is more than any body has.
const textLines = 4096

// script is a tongue's text, ready to be put into messages.
type script struct {
	tongue
	words []string
	plain block
	html  block
}

// block is text in lines with LF, encoded, but for base64, which goes over all
// of a body. starts has where each line starts.
type block struct {
	data   []byte
	starts []int
}

var scripts = sync.OnceValue(func() []script {
	random := rand.New(rand.NewPCG(1, 1))
	all := make([]script, 0, len(tongues))
	for _, t := range tongues {
		s := script{tongue: t, words: strings.Fields(t.words)}
		for range textLines {
			l := s.sentence(random, 68)
			s.plain.add(s.encode(l))
			s.html.add(s.encode(`<p style="margin:0">` + l + "</p>"))
		}
		all = append(all, s)
	}
	return all
})

// sentence is a line of up to so many octets in UTF-8.
func (s *script) sentence(random *rand.Rand, octets int) string {
	var b strings.Builder
	for {
		w := s.words[random.IntN(len(s.words))]
		if b.Len()+1+len(w) > octets {
			return b.String()
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
}

func (s *script) encode(line string) []byte {
	raw, err := s.encoding.NewEncoder().Bytes([]byte(line))
	if err != nil {
		panic(err) // the words above are what it can say
	}
	if s.transfer != "quoted-printable" {
		return append(raw, '\n')
	}
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	w.Write(raw)
	w.Close()
	return append(bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), '\n')
}

func (b *block) add(line []byte) {
	b.starts = append(b.starts, len(b.data))
	b.data = append(b.data, line...)
}

// take is a run of lines of about so many octets, from a random one on.
func (b *block) take(random *rand.Rand, octets int) []byte {
	first := b.starts[random.IntN(len(b.starts)/2)]
	end := min(first+octets, len(b.data))
	n := bytes.IndexByte(b.data[end-1:], '\n')
	return b.data[first : end+n]
}

// base64Lines appends data in base64, in lines of 76 with LF.
func base64Lines(to, data []byte) []byte {
	const perLine = 57
	for len(data) > 0 {
		n := min(perLine, len(data))
		to = base64.StdEncoding.AppendEncode(to, data[:n])
		to = append(to, '\n')
		data = data[n:]
	}
	return to
}
