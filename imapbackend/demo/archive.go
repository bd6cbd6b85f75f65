package demo

func archive() []letter {
	return []letter{
		{
			date: "2025-03-14 09:00", flags: seen, from: "Tax Office <noreply@tax.example>", subject: "Your declaration for 2024",
			body: mixed(
				plain("Your declaration has been received. Nothing needs to be done, which we know is the hard part.\n"),
				attach("declaration 2024.pdf", pdf("Declaration 2024", "Nora Lindqvist", "", "To be paid back: 212"))),
		},
		{
			date: "2025-05-02 13:44", flags: seen, from: "Harbour Mutual <policy@mutual.example>", subject: "Your boathouse policy",
			body: mixed(
				plain("Covered: storm, fire, swans. Not covered: regret.\n"),
				attach("policy.docx", docx("Policy 5521-B", "The boathouse, its contents, and up to two swans."))),
		},
		{
			date: "2025-06-20 10:05", flags: seen, from: billing, subject: "Invoice 2025-0388",
			body: mixed(
				plain("Please find attached invoice 2025-0388 for June.\n"),
				attach("invoice-2025-0388.pdf", pdf("Kontor & Kaffe AB", "Invoice 2025-0388", "", "Corner office, June        6,200", "Coffee                     388"))),
		},
		{
			date: "2025-08-09 20:31", flags: flagged, from: elin, subject: "Bilder från överfarten",
			body: mixed(
				plain("Två av de bästa. På den ena ser man land.\n"),
				attach("överfarten 1.png", picture(400, blue, white)),
				attach("överfarten 2.png", picture(400, blue, green))),
		},
		{
			date: "2025-09-30 15:12", flags: answered, from: "Port Authority <keys@harbour.example>", subject: "Lease of the boathouse",
			body: mixed(
				plain("Two copies, please, one of them legible.\n"),
				attach("lease.docx", docx("Lease", "Between the Port Authority and Nora Lindqvist.", "The swans stay."))),
		},
		{
			date: "2025-11-11 11:11", flags: seen, from: bob, subject: "Scanner",
			body: plain("It scans again. Do not ask. Do not move the paper clip.\n"),
		},
		{
			date: "2025-12-22 12:00", flags: seen, from: "Kontoret <alla@example.com>", subject: "God jul från oss alla ❄️",
			body: alternative(
				plain("Kontoret är stängt till den 7 januari. Växten vattnas av Bob. ❄️\n"),
				html("<p>Kontoret är stängt till den 7 januari.<br>Växten vattnas av Bob. ❄️</p>\n")),
		},
	}
}
