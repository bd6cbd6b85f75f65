package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours that are told apart by those who see fewer, too (Okabe and Ito).
var (
	blue   = color.RGBA{0, 114, 178, 255}
	orange = color.RGBA{213, 94, 0, 255}
	green  = color.RGBA{0, 158, 115, 255}
	grey   = color.RGBA{150, 150, 150, 255}
)

const width, height = 18 * vg.Centimeter, 11 * vg.Centimeter

// curve is a line of a plot.
type curve struct {
	name   string
	color  color.Color
	dashed bool
	points plotter.XYs
}

// typeface is that of all texts.
const typeface = "Liberation Sans"

func init() {
	family, variant, _ := strings.Cut(typeface, " ")
	plot.DefaultFont = font.Font{Typeface: font.Typeface(family), Variant: font.Variant(variant)}
	plotter.DefaultFont = plot.DefaultFont
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.White
	p.Title.Padding, p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(4), vg.Points(4)
	p.Legend.Padding, p.Legend.ThumbnailWidth = vg.Points(2), vg.Points(26)
	p.Legend.Left, p.Legend.Top = true, true
	return p
}

// logY makes the ordinate logarithmic, with room for the legend above.
func logY(p *plot.Plot, room float64, label func(float64) string) {
	p.Y.Scale = plot.LogScale{}
	p.Y.Max *= room
	p.Y.Tick.Marker = decades{label}
}

// decades are ticks at 1, 2 and 5 of every power of ten.
type decades struct{ label func(float64) string }

func (d decades) Ticks(low, high float64) (all []plot.Tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, f := range []float64{1, 2, 5} {
			v := f * math.Pow(10, e)
			if v < low || v > high {
				continue
			}
			t := plot.Tick{Value: v}
			if f == 1 || high/low < 200 {
				t.Label = d.label(v)
			}
			all = append(all, t)
		}
	}
	return all
}

func secondsLabel(v float64) string {
	if v < .999 {
		return fmt.Sprintf("%g ms", math.Round(v*1e6)/1e3)
	}
	return fmt.Sprintf("%g s", math.Round(v*1e3)/1e3)
}

func countLabel(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return strconv.Itoa(int(v))
}

func drawCurves(p *plot.Plot, curves []curve) error {
	for _, c := range curves {
		if len(c.points) == 0 {
			continue
		}
		slices.SortFunc(c.points, func(a, b plotter.XY) int { return int(math.Copysign(1, a.X-b.X)) })
		l, s, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return err
		}
		l.Color, l.Width = c.color, vg.Points(1.8)
		if c.dashed {
			l.Dashes = []vg.Length{vg.Points(6), vg.Points(4)}
		}
		s.Color, s.Shape, s.Radius = c.color, draw.CircleGlyph{}, vg.Points(2.6)
		p.Add(l, s)
		p.Legend.Add(c.name, l, s)
	}
	return nil
}

// points are the times of a contender at a job, over what x makes of them.
func (r *results) points(job, where, who string, x func(effort) float64) (all plotter.XYs) {
	for _, e := range r.Efforts {
		if e.Job == job && e.Who == who && (where == "" || e.Where == where) && !e.TooLong {
			all = append(all, plotter.XY{X: x(e), Y: e.Time.Seconds()})
		}
	}
	return all
}

// plots writes all plots that there is data for, and returns their names.
func (r *results) plots(dir, extension string) (names []string, err error) {
	for _, one := range []struct {
		name string
		draw func() (*plot.Plot, error)
	}{{"rtt", r.plotRTT}, {"size", r.plotSizes}, {"octets", r.plotOctets}, {"memory", r.plotMemory}} {
		p, err := one.draw()
		if err != nil || p == nil {
			if err != nil {
				return nil, fmt.Errorf("plot %s: %w", one.name, err)
			}
			continue
		}
		if err := savePlot(p, filepath.Join(dir, one.name+extension)); err != nil {
			return nil, err
		}
		names = append(names, one.name)
	}
	return names, nil
}

// savePlot draws a plot with a margin, which Plot.Save leaves out.
func savePlot(p *plot.Plot, file string) error {
	c, err := draw.NewFormattedCanvas(width, height, strings.TrimPrefix(filepath.Ext(file), "."))
	if err != nil {
		return err
	}
	all := draw.New(c)
	all.FillPolygon(color.White, []vg.Point{{}, {X: width}, {X: width, Y: height}, {Y: height}})
	const margin = vg.Length(10)
	p.Draw(draw.Crop(all, margin, -2*margin, margin, -margin))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	// Browsers without this font would take one with serifs.
	image := bytes.ReplaceAll(b.Bytes(), []byte("font-family:"+typeface+";"), []byte("font-family:"+typeface+",Arial,Helvetica,sans-serif;"))
	return os.WriteFile(file, image, 0o644)
}

// plotRTT shows time against round-trip time.
func (r *results) plotRTT() (*plot.Plot, error) {
	ms := func(e effort) float64 { return float64(e.RTT) / float64(time.Millisecond) }
	curves := []curve{
		{"rsync -a, imapfs", blue, false, r.points(sweptCopy, "", "imapfs", ms)},
		{"the same octets, wire", blue, true, r.points(sweptCopy, "", "wire", ms)},
		{"mbsync", grey, false, r.points(sweptCopy, "", "mbsync", ms)},
		{"grep -r of bodies, imapfs", orange, false, r.points(sweptGrep, "", "imapfs", ms)},
		{"the same octets, wire", orange, true, r.points(sweptGrep, "", "wire", ms)},
	}
	if len(curves[1].points) == 0 {
		return nil, nil
	}
	p := newPlot("Time of cold jobs against round-trip time", "round-trip time, ms", "time")
	p.Add(plotter.NewGrid())
	if err := drawCurves(p, curves); err != nil {
		return nil, err
	}
	logY(p, 8, secondsLabel)
	var ticks plot.ConstantTicks
	for _, at := range curves[1].points {
		ticks = append(ticks, plot.Tick{Value: at.X, Label: strconv.FormatFloat(at.X, 'g', -1, 64)})
	}
	p.X.Tick.Marker = ticks
	return p, nil
}

// plotSizes shows time against the size of the mailbox.
func (r *results) plotSizes() (*plot.Plot, error) {
	n := func(e effort) float64 { return float64(e.Messages) }
	curves := []curve{
		{"first listing, imapfs", blue, false, r.points(firstListing, loopback.name, "imapfs", n)},
		{"first listing, wire", blue, true, r.points(firstListing, loopback.name, "wire", n)},
		{"mount and listing again, no server", green, false, r.points(secondListing, "", "imapfs", n)},
	}
	if len(curves[0].points) == 0 {
		return nil, nil
	}
	p := newPlot("Time against the size of the mailbox, loopback", "messages", "time")
	p.Add(plotter.NewGrid())
	if err := drawCurves(p, curves); err != nil {
		return nil, err
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{countLabel}
	logY(p, 1.5, secondsLabel)
	return p, nil
}

// plotMemory shows memory against the size of the mailbox.
func (r *results) plotMemory() (*plot.Plot, error) {
	if len(r.Memory) == 0 {
		return nil, nil
	}
	first, again := curve{name: "after the first listing", color: blue}, curve{name: "after a remount", color: green}
	peak := curve{name: "at most, first listing", color: blue, dashed: true}
	highest := curve{name: "at most, remount", color: green, dashed: true}
	for _, m := range r.Memory {
		x := float64(m.Messages)
		first.points = append(first.points, plotter.XY{X: x, Y: float64(m.RSS) / 1e6})
		peak.points = append(peak.points, plotter.XY{X: x, Y: float64(m.Peak) / 1e6})
		again.points = append(again.points, plotter.XY{X: x, Y: float64(m.Restored) / 1e6})
		highest.points = append(highest.points, plotter.XY{X: x, Y: float64(m.Highest) / 1e6})
	}
	p := newPlot("Memory of imapfs (RSS) against messages listed", "messages", "MB")
	p.Add(plotter.NewGrid())
	if err := drawCurves(p, []curve{peak, first, highest, again}); err != nil {
		return nil, err
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{countLabel}
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.1
	return p, nil
}

// plotOctets shows what each job receives, over the wide-area line.
func (r *results) plotOctets() (*plot.Plot, error) {
	var jobs []string
	var content, imapfs plotter.Values
	for _, e := range r.Efforts {
		// The large attachment would make the rest too small to be seen.
		if e.Who != "imapfs" || e.Needed <= 0 || e.RTT == 0 || e.TooLong || e.Messages < 50 {
			continue
		}
		jobs = append(jobs, strings.TrimPrefix(e.Job, "cold "))
		content = append(content, float64(e.Needed)/1e6)
		imapfs = append(imapfs, float64(e.Received)/1e6)
	}
	if jobs == nil {
		return nil, nil
	}
	p := newPlot("Octets received by each cold job, wide-area line", "", "MB")
	thick := vg.Points(11)
	for i, v := range []plotter.Values{content, imapfs} {
		bar, err := plotter.NewBarChart(v, thick)
		if err != nil {
			return nil, err
		}
		bar.Color, bar.LineStyle.Width = []color.Color{grey, blue}[i], 0
		bar.Offset = thick * vg.Length(2*i-1) / 2
		p.Add(bar)
		p.Legend.Add([]string{"needed: listing, and the files by a bare client", "imapfs"}[i], bar)
	}
	p.NominalX(jobs...)
	p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = .45, draw.XRight, draw.YCenter
	p.X.Min, p.X.Max = -.6, float64(len(jobs))-.4
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.25
	return p, nil
}
