package demo

// crane is the letter that comes back in a bounce.
var crane = letter{
	date: "2026-05-20 12:30", flags: seen, from: me, to: "crane@closed.example", subject: "Your invoice of January",
	body: plain("Dear Sir or Madam,\n\nyour invoice of January has come twice, and the crane not once.\n\nNora Lindqvist\n"),
}

func sent() []letter {
	return []letter{
		{
			date: "2026-02-09 13:02", flags: seen, from: me, to: alice, subject: "Re: Q1 report",
			body: plain("Looks good. Does Oslo count the train hours?\n\n> Could you look at page one before the meeting?\n"),
		},
		{
			date: "2026-03-05 08:20", flags: seen, from: me, to: "田中 美咲 <misaki@example.jp>", subject: "Re: 会議の件",
			body: plain("田中様\n\nありがとうございます。断面図を楽しみにしています。\n\nNora Lindqvist\n"),
		},
		crane,
		{
			date: "2026-07-02 17:45", flags: seen, from: me, to: "Port Authority <keys@harbour.example>", subject: "Invoice: talk on old roofs",
			body: mixed(
				plain("As agreed: one talk, one invoice, one smoked herring (received, thank you).\n"),
				attach("invoice-talk.pdf", pdf("Nora Lindqvist", "Invoice 3", "", "Talk on old roofs   2,000", "Herring                 0"))),
		},
	}
}

func drafts() []letter {
	draft := []string{`\Draft`, `\Seen`}
	return []letter{
		{
			date: "2026-10-18 21:14", flags: draft, from: me, to: "office@wood-kyoto.example", subject: "Talk for Kyoto, outline",
			body: plain("1. Water finds the way\n2. Wood forgives\n3. (something about the whale)\n"),
		},
		{
			date: "2026-10-29 23:58", flags: draft, from: me, subject: "",
			body: plain("Buy: lamp, rope, second ladder\n"),
		},
	}
}

func trash() []letter {
	deleted := []string{`\Deleted`, `\Seen`}
	return []letter{
		{
			date: "2026-08-01 03:17", flags: deleted, from: "Prize Department <winner@prizes.example>", subject: "🏆 YOU HAVE WON A BRIDGE",
			body: html("<p>Slightly used. Collection only.</p>\n"),
		},
		{
			date: "2026-09-07 10:30", flags: seen, from: "Canteen <lunch@example.com>", subject: "Lunch menu, week 37",
			body: mixed(
				plain("Monday is soup. Tuesday is Monday's soup.\n"),
				attach("menu.pdf", pdf("Week 37", "", "Mon: soup", "Tue: soup, the sequel"))),
		},
	}
}
