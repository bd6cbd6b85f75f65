package demo

// scripts are letters in other scripts than Latin, and in charsets from before
// UTF-8.
func scripts() []letter {
	return []letter{
		{
			date: "2026-03-02 16:31", flags: seen, from: "Jürgen Müller <mueller@beschlaege.example>", subject: "Rechnung Nr. 4711 über Türbeschläge",
			charset: latin1,
			body: mixed(
				latin1.text(`Guten Tag Frau Lindqvist,

anbei unsere Rechnung (invoice) Nr. 4711 über zwölf Türbeschläge. Für die
verspätete Lieferung bitten wir um Entschuldigung: Der Fahrer fand die Straße
schöner als die Abkürzung.

Mit freundlichen Grüßen
Jürgen Müller
`),
				attachAs(words(latin1, "Rechnung Türbeschläge.pdf"), pdf("Mueller Beschlaege", "Rechnung / invoice 4711", "", "12 Stueck   1.068,00"))),
		},
		{
			date: "2026-03-04 09:12", flags: answered, from: "田中 美咲 <misaki@example.jp>", subject: "会議の件",
			charset: iso2022jp,
			body: mixed(
				iso2022jp.text(`リンドクヴィスト様

お世話になっております。先日の会議の議事録をお送りします。
屋根の断面図は来週お届けできる見込みです。

田中 美咲
`),
				attachAs(words(iso2022jp, "議事録.pdf"), pdf("Minutes of 2 March 2026", "", "1. Roof section", "2. Tea"))),
		},
		{
			date: "2026-03-11 07:40", flags: seen, from: "Дмитрий Орлов <orlov@example.net>", subject: "Расчёт фундамента",
			charset: koi8r,
			body: mixed(
				koi8r.text(`Здравствуйте, Нора!

Расчёт фундамента готов, таблица во вложении. Грунт оказался лучше, чем мы
думали: запас прочности почти вдвое больше.

С уважением,
Дмитрий Орлов
`),
				attachAs(words(koi8r, "расчёт.csv"), csv("ось,нагрузка кН,запас", "A,410,1.9", "Б,388,2.1"))),
		},
		{
			date: "2026-03-19 05:25", flags: seen, from: "अमित कुमार <amit@example.com>", subject: "अगली बैठक: पुस्तकालय की छत",
			body: mixed(
				plain(`नमस्ते नोरा,

अगली बैठक मंगलवार को सुबह दस बजे है। कार्यसूची संलग्न है।
कृपया छत के नक्शे साथ लाएँ।

अमित
`),
				attach("बैठक की कार्यसूची.docx", docx("कार्यसूची", "1. छत का भार", "2. बारिश का पानी", "3. चाय")),
				attach("बैठक.ics", event("छत पर बैठक", "Room 3", "20260324T090000Z", "20260324T100000Z"))),
		},
		{
			date: "2026-04-02 13:18", flags: seen, from: "ليلى حداد <layla@example.com>", subject: "صور من الموقع",
			body: mixed(
				plain(`مرحبا نورا،

أرسل لك مخطط الطابق الأول وصورة الواجهة كما طلبت.
السقالة ستُرفع يوم الأحد.

ليلى
`),
				attach("مخطط الطابق الأول.png", picture(240, white, blue)),
				attach("صورة الواجهة.png", picture(320, white, orange))),
		},
		{
			date: "2026-04-05 17:02", flags: flagged, from: elin, subject: "🎉 Mormor fyller 80 år!",
			body: mixed(
				multipart("related",
					alternative(
						plain("Lördag klockan tre, i trädgården. Ta med en historia och en stol. 🪑🎂\n"),
						html(`<p>Lördag klockan tre, i trädgården.<br>Ta med en historia och en stol. 🪑🎂</p><img src="cid:flag@home.example">`+"\n")),
					picture(64, blue, orange).entity().with("Content-ID: <flag@home.example>", "Content-Disposition: inline; filename=flag.png")),
				attach("🎂 tårtan i fjol.png", picture(200, orange, white))),
		},
		{
			date: "2026-09-15 08:33", flags: seen, from: "Ελένη Παππά <eleni@example.gr>", subject: "Καλημέρα από τη Σύρο",
			body: mixed(
				entity{[]string{"Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"},
					"Το λιμάνι είναι ήσυχο και η στέγη στεγνή.\r\nΤο πρόγραμμα είναι συνημμένο.\r\n"},
				attachAs(words(nil, "Πρόγραμμα.docx"), docx("Πρόγραμμα", "Δευτέρα: λιμάνι", "Τρίτη: στέγη"))),
		},
		{
			date: "2026-10-21 14:09", from: "Łukasz Żółć <lukasz@example.pl>",
			subject: "Zażółć gęślą jaźń – a subject that goes on for longer than any directory name should, since its author believes that a letter is read by its subject alone and that everything else is an attachment",
			body:    plain("See above.\n"),
		},
	}
}
