package fs

import (
	"path"
	"strconv"
	"strings"

	"imapfs/cache/content"
)

// The fixed names of a message directory. No attachment can take one, not even
// where the message has no such file, so that a name says what the file is.
const (
	headerName = "header.txt"
	textName   = "body.txt"
	htmlName   = "body.html"
	emlName    = "message.eml"
)

const (
	// maxExt bounds what counts as an extension: a longer one is the end of a
	// sentence.
	maxExt = 32
	// maxNested bounds how many directories of enclosed messages are in one
	// another: with maxEnclosed, a path stays well below PATH_MAX.
	maxNested = 16
	// numberRoom is the length of the longest number, " (65535)".
	numberRoom = 8
)

// entry is one file or directory of a message's directory.
type entry struct {
	name string
	// part is the index in the part table, -1 for what is no part.
	part int
	kind entryKind
}

type entryKind uint8

const (
	entryHeader entryKind = iota
	entryEML
	entryPart
	entryMessage // a directory
)

// entries lists what a message directory holds, in the order of the part table:
// that of the outermost message if parent is -1, else that of the enclosed
// message parts[parent]. message.eml is not among it; a message that is enclosed
// too deeply to be a directory is a file, with the kind entryEML. The names are
// unique, and the time is linear even if all parts want the same one.
func entries(parts []content.Part, parent int) []entry {
	list := []entry{{name: headerName, part: -1, kind: entryHeader}}
	bodies := map[string]string{"text/plain": textName, "text/html": htmlName}
	var given, made []int
	nested := 0
	for p := parent; p >= 0; p = parts[p].Parent {
		nested++
	}
	// The parts of an enclosed message follow it: what belongs to an earlier
	// one ends them.
	for i := parent + 1; i < len(parts) && parts[i].Parent >= parent; i++ {
		p := &parts[i]
		if p.Parent != parent {
			continue
		}
		e := entry{part: i, kind: entryPart}
		at := len(list)
		body := bodies[p.Type]
		switch {
		case p.Message && nested < maxNested:
			e.kind = entryMessage
			e.name = enclosedName(p.Section, p.Subject)
			made = append(made, at)
		case body != "" && !p.Named && p.Disposition != "attachment":
			e.name = body
			delete(bodies, p.Type)
		default:
			if p.Message {
				e.kind = entryEML
			}
			if p.Named {
				e.name = attachmentName(p.Name)
			}
			if e.name != "" {
				given = append(given, at)
			} else {
				e.name = partName(p)
				made = append(made, at)
			}
		}
		list = append(list, e)
	}
	unique(list, made, given)
	return list
}

// unique numbers the entries whose name is another's already. A made-up name
// goes before a sender's, which may imitate it; and a name goes to the part
// that wants it before any that would get it by its number, so that as many as
// possible stay as they were sent.
func unique(list []entry, made, given []int) {
	taken := map[string]bool{headerName: true, textName: true, htmlName: true, emlName: true}
	var again []int
	for _, group := range [][]int{made, given} {
		for _, at := range group {
			if name := list[at].name; taken[name] {
				again = append(again, at)
			} else {
				taken[name] = true
			}
		}
	}
	// The next number is kept per name as it is after cutting: each number is
	// tried once, however many names are cut to the same.
	last := map[string]int{}
	for _, at := range again {
		stem, ext := splitExt(list[at].name)
		if list[at].kind == entryMessage {
			stem, ext = list[at].name, ""
		}
		stem = cut(stem, maxName-numberRoom-len(ext))
		for n := last[stem+"/"+ext]; taken[list[at].name]; {
			n = max(n+1, 2)
			list[at].name = stem + " (" + strconv.Itoa(n) + ")" + ext
			last[stem+"/"+ext] = n
		}
		taken[list[at].name] = true
	}
}

// partName is the name of a part without a name of its own.
func partName(p *content.Part) string {
	ext, ok := extensions[p.Type]
	if !ok {
		ext = "bin"
	}
	return "part-" + cut(p.Section, maxSection) + "." + ext
}

// attachmentName is the name that the sender gave to a part, made safe, or ""
// if it is no name for a file. It is not brought into a normal form: people
// look for the name that they know, and names that differ are different files.
func attachmentName(name string) string {
	if t := strings.TrimSpace(name); t == "" || t == "." || t == ".." {
		return ""
	}
	name = strings.Map(func(r rune) rune {
		if r == '/' || control(r) {
			return '_'
		}
		return r // U+FFFD for what is no UTF-8
	}, name)
	// A dot would hide the file; a dash makes it an option of the command that
	// gets it through a "*".
	if name[0] == '.' || name[0] == '-' {
		name = "_" + name
	}
	stem, ext := splitExt(name)
	return cut(stem, maxName-len(ext)) + ext
}

// splitExt splits a name in front of its extension, if it has one.
func splitExt(name string) (stem, ext string) {
	ext = path.Ext(name)
	if len(ext) > maxExt {
		ext = ""
	}
	return name[:len(name)-len(ext)], ext
}

// extensions are those of part names, by media type. They are in the code since
// a system's table differs from another's, and a name must not.
var extensions = map[string]string{
	"application/calendar+json":                       "json",
	"application/gzip":                                "gz",
	"application/ics":                                 "ics",
	"application/javascript":                          "js",
	"application/json":                                "json",
	"application/ld+json":                             "jsonld",
	"application/msword":                              "doc",
	"application/pdf":                                 "pdf",
	"application/pgp-encrypted":                       "asc",
	"application/pgp-keys":                            "asc",
	"application/pgp-signature":                       "asc",
	"application/pkcs7-mime":                          "p7m",
	"application/pkcs7-signature":                     "p7s",
	"application/postscript":                          "ps",
	"application/rtf":                                 "rtf",
	"application/tnef":                                "dat",
	"application/vnd.ms-excel":                        "xls",
	"application/vnd.ms-powerpoint":                   "ppt",
	"application/vnd.ms-tnef":                         "dat",
	"application/vnd.oasis.opendocument.presentation": "odp",
	"application/vnd.oasis.opendocument.spreadsheet":  "ods",
	"application/vnd.oasis.opendocument.text":         "odt",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         "xlsx",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   "docx",
	"application/x-gzip":               "gz",
	"application/x-pkcs7-mime":         "p7m",
	"application/x-pkcs7-signature":    "p7s",
	"application/x-tar":                "tar",
	"application/xml":                  "xml",
	"application/zip":                  "zip",
	"audio/aac":                        "aac",
	"audio/amr":                        "amr",
	"audio/basic":                      "au",
	"audio/flac":                       "flac",
	"audio/midi":                       "mid",
	"audio/mp4":                        "m4a",
	"audio/mpeg":                       "mp3",
	"audio/ogg":                        "ogg",
	"audio/wav":                        "wav",
	"audio/x-wav":                      "wav",
	"image/avif":                       "avif",
	"image/bmp":                        "bmp",
	"image/gif":                        "gif",
	"image/heic":                       "heic",
	"image/jpeg":                       "jpg",
	"image/jpg":                        "jpg",
	"image/pjpeg":                      "jpg",
	"image/png":                        "png",
	"image/svg+xml":                    "svg",
	"image/tiff":                       "tiff",
	"image/vnd.microsoft.icon":         "ico",
	"image/webp":                       "webp",
	"image/x-icon":                     "ico",
	"message/delivery-status":          "txt",
	"message/disposition-notification": "txt",
	"message/feedback-report":          "txt",
	"message/global":                   "eml",
	"message/global-headers":           "txt",
	"message/rfc822":                   "eml",
	"text/calendar":                    "ics",
	"text/css":                         "css",
	"text/csv":                         "csv",
	"text/directory":                   "vcf",
	"text/enriched":                    "txt",
	"text/html":                        "html",
	"text/javascript":                  "js",
	"text/markdown":                    "md",
	"text/plain":                       "txt",
	"text/richtext":                    "txt",
	"text/rfc822-headers":              "txt",
	"text/rtf":                         "rtf",
	"text/vcard":                       "vcf",
	"text/watch-html":                  "html",
	"text/x-amp-html":                  "html",
	"text/x-diff":                      "diff",
	"text/x-patch":                     "patch",
	"text/x-vcard":                     "vcf",
	"text/xml":                         "xml",
	"video/3gpp":                       "3gp",
	"video/mp4":                        "mp4",
	"video/mpeg":                       "mpeg",
	"video/ogg":                        "ogv",
	"video/quicktime":                  "mov",
	"video/webm":                       "webm",
	"video/x-msvideo":                  "avi",
}
