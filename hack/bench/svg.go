package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Sizes of a drawing, in pixels.
const (
	panelWidth, panelHeight = 640, 300
	plotLeft, plotRight     = 72, 16
	plotTop, plotBottom     = 40, 52
)

// point is one measurement.
type point struct{ x, y float64 }

// series is one line of a panel.
type series struct {
	name   string
	points []point
}

// panel is one diagram, with logarithmic axes.
type panel struct {
	title, x, y string
	series      []series
}

// style is readable on light and on dark paper.
const style = `<style>
svg { font: 12px sans-serif; background: #fff; }
text { fill: #222; } .title { font-weight: bold; font-size: 14px; }
.grid { stroke: #ddd; } .axis { stroke: #888; fill: none; }
.line { fill: none; stroke-width: 2; }
.s0 { stroke: #0b62c4; } .s1 { stroke: #c4500b; } .s2 { stroke: #2b8a3e; }
.f0 { fill: #0b62c4; } .f1 { fill: #c4500b; } .f2 { fill: #2b8a3e; }
@media (prefers-color-scheme: dark) {
svg { background: #16181d; } text { fill: #ddd; }
.grid { stroke: #333; } .axis { stroke: #777; }
.s0 { stroke: #6cb2ff; } .s1 { stroke: #ff9d5c; } .s2 { stroke: #7bd88f; }
.f0 { fill: #6cb2ff; } .f1 { fill: #ff9d5c; } .f2 { fill: #7bd88f; }
}
</style>
`

// drawing is the SVG text of panels, one below the other.
func drawing(panels []panel) string {
	var out strings.Builder
	height := panelHeight * len(panels)
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n",
		panelWidth, height, panelWidth, height)
	out.WriteString(style)
	for i, p := range panels {
		fmt.Fprintf(&out, `<g transform="translate(0 %d)">`+"\n", i*panelHeight)
		p.draw(&out)
		out.WriteString("</g>\n")
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func (p panel) draw(out *strings.Builder) {
	xs, ys := p.axes()
	fmt.Fprintf(out, `<text class="title" x="%d" y="20">%s</text>`+"\n", plotLeft, html.EscapeString(p.title))
	for _, x := range xs.ticks() {
		at := xs.at(x)
		fmt.Fprintf(out, `<path class="grid" d="M%.1f %d V%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			at, plotTop, panelHeight-plotBottom, at, panelHeight-plotBottom+16, tickLabel(x))
	}
	for _, y := range ys.ticks() {
		at := ys.at(y)
		fmt.Fprintf(out, `<path class="grid" d="M%d %.1f H%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			plotLeft, at, panelWidth-plotRight, plotLeft-6, at+4, tickLabel(y))
	}
	fmt.Fprintf(out, `<path class="axis" d="M%d %d V%d H%d"/>`+"\n", plotLeft, plotTop, panelHeight-plotBottom, panelWidth-plotRight)
	fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
		(plotLeft+panelWidth-plotRight)/2, panelHeight-plotBottom+36, html.EscapeString(p.x))
	fmt.Fprintf(out, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n",
		(plotTop+panelHeight-plotBottom)/2, html.EscapeString(p.y))
	for i, s := range p.series {
		s.draw(out, i, xs, ys)
	}
}

func (s series) draw(out *strings.Builder, number int, xs, ys scale) {
	steps := make([]string, 0, len(s.points))
	for _, p := range s.points {
		steps = append(steps, fmt.Sprintf("%.1f %.1f", xs.at(p.x), ys.at(p.y)))
	}
	fmt.Fprintf(out, `<path class="line s%d" d="M%s"/>`+"\n", number, strings.Join(steps, " L"))
	for _, p := range s.points {
		fmt.Fprintf(out, `<circle class="f%d" cx="%.1f" cy="%.1f" r="3"><title>%s: %s</title></circle>`+"\n",
			number, xs.at(p.x), ys.at(p.y), tickLabel(p.x), amount(p.y))
	}
	fmt.Fprintf(out, `<rect class="f%d" x="%d" y="%d" width="12" height="3"/><text x="%d" y="%d">%s</text>`+"\n",
		number, plotLeft+10, plotTop+10+16*number, plotLeft+28, plotTop+15+16*number, html.EscapeString(s.name))
}

// axes are the scales that hold all points, in whole powers of ten.
func (p panel) axes() (xs, ys scale) {
	xs = scale{from: math.Inf(1), to: math.Inf(-1), start: plotLeft, end: panelWidth - plotRight}
	ys = scale{from: math.Inf(1), to: math.Inf(-1), start: panelHeight - plotBottom, end: plotTop}
	for _, s := range p.series {
		for _, one := range s.points {
			xs.include(one.x)
			ys.include(one.y)
		}
	}
	return xs, ys
}

// scale maps powers of ten to pixels.
type scale struct{ from, to, start, end float64 }

func (s *scale) include(v float64) {
	s.from = min(s.from, math.Floor(math.Log10(v)))
	s.to = max(s.to, math.Ceil(math.Log10(v)), s.from+1)
}

func (s scale) at(v float64) float64 {
	return s.start + (math.Log10(v)-s.from)/(s.to-s.from)*(s.end-s.start)
}

func (s scale) ticks() []float64 {
	var out []float64
	for exponent := s.from; exponent <= s.to; exponent++ {
		out = append(out, math.Pow(10, exponent))
	}
	return out
}

// tickLabel writes 100000 as 100k.
func tickLabel(v float64) string {
	if v >= 1000 {
		return amount(v/1000).String() + "k"
	}
	return amount(v).String()
}
