package demo

import "image/color"

const (
	alice   = "Alice Smith <alice@example.com>"
	bob     = "Bob Okafor <bob@example.com>"
	layla   = "Layla Haddad <layla@example.com>"
	elin    = "Elin Lindqvist <elin@home.example>"
	billing = "Kontor & Kaffe AB <billing@kontor.example>"
)

var (
	white  = color.White
	blue   = color.RGBA{0x1f, 0x4e, 0x79, 0xff}
	orange = color.RGBA{0xd9, 0x6b, 0x27, 0xff}
	green  = color.RGBA{0x3a, 0x7d, 0x44, 0xff}
)

func inbox() []letter {
	return []letter{
		{
			date: "2026-02-09 08:14", flags: flagged, from: alice, subject: "Q1 report",
			body: mixed(
				plain(`Hi Nora,

here is the draft for the first quarter, with the hours of both offices. The
invoice of the crane company is not in it yet, they promised it for Friday.

Could you look at page one before the meeting?

Alice
`),
				attach("Q1 report.pdf", pdf("Q1 report", "", "Hours: 1,204 of 1,250 planned", "Open: crane, scaffolding")),
				attach("Q1 hours.csv", csv("office,planned,worked", "Gothenburg,800,771", "Oslo,450,433"))),
		},
		{
			date: "2026-02-09 15:40", flags: seen, from: alice, subject: "Re: Q1 report",
			body: plain(`Thanks for the quick answer. Yes, Oslo counts travel as work, as agreed.

> Does Oslo count the train hours?
`),
		},
		{
			date: "2026-02-10 07:55", flags: answered, from: bob, subject: "Re: Q1 report",
			body: plain(`Morning both,

the crane invoice has come: 18,400, as offered. I put it on the shared drive.

Bob
`),
		},
		{
			date: "2026-02-27 10:02", flags: seen, from: billing, subject: "Invoice 2026-0117",
			body: mixed(
				plain(`Dear customer,

please find attached invoice 2026-0117 for February: coffee, rent of the
corner office, one broken window.

Payable within 30 days.
`),
				attach("invoice-2026-0117.pdf", pdf("Kontor & Kaffe AB", "Invoice 2026-0117", "", "Corner office, February   6,500", "Coffee                     412", "Window                     980"))),
		},
		{
			date: "2026-05-04 06:00", flags: seen, from: "Structural Quarterly <news@quarterly.example>", subject: "This month in concrete",
			fields: []string{"List-Unsubscribe: <mailto:leave@quarterly.example>"},
			body: html(`<html><body><h1>This month in concrete</h1>
<p>Slower curing, longer life: what the <b>Trondheim</b> trials show.</p>
<p>Also: why your neighbour’s balcony is probably fine.</p></body></html>
`),
		},
		{
			date: "2026-05-20 12:31", from: "Mail Delivery Subsystem <mailer-daemon@example.org>", subject: "Undelivered Mail Returned to Sender",
			fields: []string{"Auto-Submitted: auto-replied"},
			body:   bounce(),
		},
		{
			date: "2026-06-01 06:00", from: "Structural Quarterly <news@quarterly.example>", subject: "This month in concrete",
			fields: []string{"List-Unsubscribe: <mailto:leave@quarterly.example>"},
			body: html(`<html><body><h1>This month in concrete</h1>
<p>Recycled aggregate passes the frost test. Twice.</p>
<p>Readers’ question: can one paint over efflorescence? (No.)</p></body></html>
`),
		},
		{
			date: "2026-06-11 18:20", flags: seen, from: "Farid Rahimi <farid@example.com>", subject: "Fwd: Fwd: Fwd: Keys to the boathouse",
			body: keys(),
		},
		{
			date: "2026-06-15 09:00", flags: flagged, from: layla, subject: "Invitation: site visit, Harbour library",
			body: mixed(
				alternative(
					plain("Site visit, Saturday 20 June, 10:00 to 12:00. Helmets are there, boots are not.\n"),
					html("<p><b>Site visit</b>, Saturday 20 June, 10:00 to 12:00.<br>Helmets are there, boots are not.</p>\n"),
					siteVisit().entity()),
				attach("invite.ics", siteVisit())),
		},
		{
			date: "2026-07-08 11:47", flags: seen, from: "Night Rail <tickets@rail.example>", subject: "Your tickets to Oslo",
			body: mixed(
				plain("Two travellers, two tickets, one compartment. The train leaves Gothenburg C at 22:10.\n"),
				attach("ticket.pdf", pdf("Night Rail", "Gothenburg C - Oslo S", "Coach 4, berth 21", "Nora Lindqvist")),
				attach("ticket.pdf", pdf("Night Rail", "Gothenburg C - Oslo S", "Coach 4, berth 22", "Bob Okafor"))),
		},
		{
			date: "2026-08-14 19:05", from: "stairs12@neighbours.example", subject: "",
			body: plain("I have borrowed your ladder. It is on the roof, and so am I. Could you ring Per?\n"),
		},
		{
			date: "2026-08-30 20:12", flags: seen, from: "Tomás Herrera <tomas@example.net>", subject: "[timber-frames] Shear walls without steel",
			fields: []string{"List-Id: Timber frames <timber-frames.lists.example>", "Reply-To: timber-frames@lists.example"},
			body: entity{[]string{"Content-Type: text/plain; charset=us-ascii; format=flowed"}, "Has anybody of you built one above three storeys? \r\n" +
				"The tables end there, and so does my courage.\r\n\r\nTomas\r\n"},
		},
		{
			date: "2026-10-12 10:01", from: billing, subject: "Invoice 2026-0642",
			body: mixed(
				plain(`Dear customer,

please find attached invoice 2026-0642. The window is still broken and, from
now on, called ventilation.
`),
				attach("invoice-2026-0642.pdf", pdf("Kontor & Kaffe AB", "Invoice 2026-0642", "", "Corner office, October     6,500", "Coffee                     655", "Ventilation                  0"))),
		},
		{
			date: "2026-10-30 16:48", flags: []string{`\Flagged`}, from: alice, subject: "Q3 report, for signature",
			body: mixed(
				plain("Last one before the audit. Sign the second page, please, not the first again.\n"),
				attach("Q3 report.pdf", pdf("Q3 report", "", "Hours: 1,311 of 1,250 planned")),
				attach("Q3 comments.docx", docx("Comments on the third quarter", "Oslo: 61 hours too many, all of them train."))),
		},
	}
}

func siteVisit() file {
	return event("Site visit", "Harbour library, gate 3", "20260620T080000Z", "20260620T100000Z")
}

// bounce is a delivery report (RFC 3462, RFC 3464).
func bounce() entity {
	report := entity{[]string{"Content-Type: message/delivery-status"}, "Reporting-MTA: dns; mail.example.org\r\n\r\n" +
		"Final-Recipient: rfc822; crane@closed.example\r\nAction: failed\r\nStatus: 5.1.1\r\n" +
		"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"}
	all := multipart("report",
		plain("Your message to <crane@closed.example> could not be delivered: no such user.\n"),
		report,
		enclosed(crane))
	all.fields[0] += "; report-type=delivery-status"
	return all
}

// keys is a message in a message in a message, with what matters innermost.
func keys() entity {
	first := letter{
		date: "2026-06-10 08:00", from: "Port Authority <keys@harbour.example>", to: elin, subject: "Keys to the boathouse",
		body: mixed(
			plain("The keys are with the harbour office. The plan shows the door that works.\n"),
			attach("plan of the boathouse.png", picture(160, white, blue))),
	}
	second := letter{
		date: "2026-06-10 21:30", from: elin, to: "Per Lindqvist <per@home.example>", subject: "Fwd: Keys to the boathouse",
		body: mixed(plain("Per, can you fetch them? I am in Oslo until Friday.\n"), enclosed(first)),
	}
	third := letter{
		date: "2026-06-11 07:12", from: "Per Lindqvist <per@home.example>", to: "Farid Rahimi <farid@example.com>", subject: "Fwd: Fwd: Keys to the boathouse",
		body: mixed(plain("Farid, you pass there every morning, don't you?\n"), enclosed(second)),
	}
	return mixed(plain("Nora, I have the keys. And, it seems, the whole story.\n"), enclosed(third))
}
