package demo

func library() []letter {
	return []letter{
		{
			date: "2026-01-15 14:20", flags: seen, from: layla, subject: "Minutes of the kick-off",
			body: mixed(
				alternative(
					plain("Dear all,\n\nthe minutes are attached. Corrections until Friday; jokes any time.\n\nLayla\n"),
					html("<p>Dear all,</p><p>the minutes are attached. Corrections until Friday; jokes any time.</p><p>Layla</p>\n")),
				attach("Kick-off minutes.docx", docx("Harbour library: kick-off", "Present: Layla, Nora, Tomás, Amit", "Decided: timber above the first floor."))),
		},
		{
			date: "2026-01-29 09:31", flags: seen, from: "Tomás Herrera <tomas@example.net>", subject: "Bill of quantities, revision B",
			body: mixed(
				plain("Revision B. The nails are new, the total is not.\n"),
				attach("quantities-B.csv", csv("item,unit,quantity", "glulam beam GL30c,m,412", "CLT panel 120,m2,1380", "nails,kg,96"))),
		},
		{
			date: "2026-02-18 16:55", flags: seen, from: "अमित कुमार <amit@example.com>", subject: "Roof truss, three views",
			body: mixed(
				plain("North, east, and the one that looks like a whale.\n"),
				attach("truss-north.png", picture(480, white, blue)),
				attach("truss-east.png", picture(480, white, green)),
				attach("whale.png", picture(480, blue, white))),
		},
		{
			date: "2026-04-22 11:00", flags: flagged, from: "Fire inspection <fire@city.example>", subject: "Inspection: two remarks",
			body: mixed(
				plain("1. The staircase is wide enough.\n2. The sofa in it is not allowed.\n\nOur invoice follows by post.\n"),
				attach("inspection report.pdf", pdf("Fire inspection, Harbour library", "", "Staircase: passed", "Sofa: to be removed"))),
		},
		{
			date: "2026-06-25 08:45", flags: seen, from: bob, subject: "Fwd: Noise measurements",
			body: mixed(
				plain("For the file. The peak at noon is the ferry.\n"),
				enclosed(letter{
					date: "2026-06-24 17:30", from: "Akustik Nord <lab@akustik.example>", to: bob, subject: "Noise measurements",
					body: mixed(
						plain("Readings of 23 June, every hour.\n"),
						attach("noise.csv", csv("hour,dB", "08,51", "10,53", "12,88", "14,52"))),
				})),
		},
		{
			date: "2026-09-03 07:15", from: layla, subject: "Snag list",
			body: mixed(
				plain("Forty-one points, thirty-eight of them door handles.\n"),
				attach("snag list.docx", docx("Snag list", "Door handles: all left-handed.", "Reading room: echo, charming but no."))),
		},
	}
}

func kyoto() []letter {
	return []letter{
		{
			date: "2026-03-25 02:10", flags: seen, from: "京都木造会議 <office@wood-kyoto.example>", subject: "発表採択のお知らせ",
			body: plain(`ノラ・リンドクヴィスト様

ご応募いただいた発表「港の図書館の屋根」が採択されました。
発表時間は二十分、質疑は五分です。

Your talk has been accepted: twenty minutes, and five for questions.
`),
		},
		{
			date: "2026-04-10 06:42", flags: seen, from: "旅館 竹の家 <stay@takenoya.example>", subject: "ご予約確認書",
			body: mixed(
				plain("ご予約ありがとうございます。確認書を添付いたします。お部屋からは竹が見えます。\n"),
				attach("予約確認書 二〇二六年十一月 竹の間.pdf", pdf("Takenoya", "Confirmation 88-1121", "", "21 to 25 November 2026, bamboo room"))),
		},
		{
			date: "2026-08-20 12:00", flags: seen, from: "Polar Air <noreply@polar.example>", subject: "Itinerary Gothenburg – Osaka",
			body: mixed(
				html("<p>Out: 19 November, one stop.<br>Back: 27 November, one stop and a good book.</p>\n"),
				attach("itinerary.pdf", pdf("Polar Air", "GOT - HEL - KIX", "", "19 November 2026, 10:35")),
				attach("flights.ics", event("GOT - KIX", "Landvetter", "20261119T093500Z", "20261120T023000Z"))),
		},
		{
			date: "2026-09-10 09:26", from: "김민준 <minjun@example.kr>", subject: "발표 자료 초안",
			body: mixed(
				plain("노라 님, 발표 자료 초안을 보냅니다. 고래 그림은 꼭 넣어 주세요.\n"),
				attach("발표 자료 초안.docx", docx("항구 도서관의 지붕", "1. 나무", "2. 물", "3. 고래"))),
		},
	}
}
