package demo

import (
	"fmt"
	"time"
)

// notice is a note that arrives while the demo runs. The %s in its text is the
// time of day.
type notice struct{ from, subject, text string }

var notes = []notice{
	{"Night watch <watch@example.com>", "All is well", `It is %s, and all is well.

The lamp in the stairwell still flickers. It has done so since 2019 and
is now considered part of the building.
`},
	{"Coffee machine <coffee@example.com>", "Beans: low. Water: fine. Spirits: high", `Status at %s: 41 cups today, 3 of them decaf, 1 of them by mistake.

Please refill before the drawing review.
`},
	{"Ferry line 285 <departures@ferry.example>", "⛴️ On time", `The %s report: all boats on time, for the second day running.

We are as surprised as you are.
`},
	{"The office plant <ficus@example.com>", "Water, please 🌿", `Measured at %s: soil moisture 11 percent.

Nobody is being blamed. The cactus has been asked not to comment.
`},
	{"Lift B <lift@example.com>", "Stopped between two and three, on purpose", `At %s the annual brake test was passed.

The passenger had been told, and had brought a book.
`},
	{"測候所 <weather@example.jp>", "にわか雨のち晴れ", `%s の観測:にわか雨のち晴れ。傘は会議室に三本残っています。

Showers, then sun. Three umbrellas are still in the meeting room.
`},
	{"Parcel robot 7 <robot@parcels.example>", "Your parcel is one street further", `Position at %s: outside the wrong house, the right one in sight.

Waiting for a cat to finish crossing.
`},
	{"Harbour office <tides@harbour.example>", "Tide table, corrected", `Reading at %s: 12 cm above the mean, as predicted by the correction of
the correction.

Earlier tables remain valid as bookmarks.
`},
}

func (n notice) letter(now time.Time) *letter {
	return &letter{
		date: now.UTC().Format(minute), from: n.from, subject: n.subject,
		body: plain(fmt.Sprintf(n.text, now.Format("15:04:05"))),
	}
}
