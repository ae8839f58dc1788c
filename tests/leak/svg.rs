//! Curves of a run: how long answers took, and who was inside.

use std::fmt::Write;

use crate::score::{Score, Second, TARGET_MS};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 60.0;

/// Two panels over the same time: the p99 of each second, and the people inside with the cap.
pub(crate) fn draw(title: &str, fixed: &Score, adaptive: &Score) -> String {
    let mut svg = String::new();
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="18" font-size="14">{title}</text>
"##,
        WIDTH + LEFT + 20.0,
        2.0 * HEIGHT + 130.0
    );
    let seconds = fixed.seconds.len().max(adaptive.seconds.len()) as f64;
    let p99 = |second: &Second| second.p99_ms.min(4.0 * TARGET_MS as f64);
    let panel = Panel { top: 40.0, most: 4.0 * TARGET_MS as f64, seconds };
    panel.frame(&mut svg, "p99 of a second, ms (cut off at four times the target)");
    panel.level(&mut svg, TARGET_MS as f64, "target");
    panel.curve(&mut svg, &fixed.seconds, p99, "#c33", "fixed rate", 0.0);
    panel.curve(&mut svg, &adaptive.seconds, p99, "#06c", "adaptive", 90.0);

    let active = |second: &Second| second.active as f64;
    let most = [fixed, adaptive].iter().flat_map(|score| &score.seconds).map(active).fold(1.0, f64::max);
    let panel = Panel { top: HEIGHT + 95.0, most: most * 1.15, seconds };
    panel.frame(&mut svg, "people inside");
    panel.curve(&mut svg, &fixed.seconds, active, "#c33", "fixed rate", 0.0);
    panel.curve(&mut svg, &adaptive.seconds, active, "#06c", "adaptive", 90.0);
    panel.curve(&mut svg, &adaptive.seconds, |second| (second.cap as f64).min(most * 1.15), "#9bd", "its cap", 170.0);
    svg.push_str("</svg>\n");
    svg
}

struct Panel {
    top: f64,
    most: f64,
    seconds: f64,
}

impl Panel {
    fn y(&self, value: f64) -> f64 {
        self.top + HEIGHT * (1.0 - value / self.most)
    }

    fn frame(&self, svg: &mut String, what: &str) {
        let (top, bottom) = (self.top, self.top + HEIGHT);
        let _ = write!(
            svg,
            r##"<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>
<text x="{LEFT}" y="{}">{what}</text><text x="{}" y="{}" text-anchor="end">{:.0}</text><text x="{}" y="{bottom}" text-anchor="end">0</text>
<text x="{}" y="{}" text-anchor="end">{:.0} s</text>
"##,
            top - 6.0,
            LEFT - 6.0,
            top + 10.0,
            self.most,
            LEFT - 6.0,
            LEFT + WIDTH,
            bottom + 16.0,
            self.seconds
        );
    }

    fn level(&self, svg: &mut String, value: f64, what: &str) {
        let (y, right) = (self.y(value), LEFT + WIDTH);
        let _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#888" stroke-dasharray="4 3"/><text x="{}" y="{}" text-anchor="end" fill="#666">{what}</text>"##,
            LEFT - 6.0,
            y + 4.0
        );
    }

    fn curve(
        &self,
        svg: &mut String,
        seconds: &[Second],
        value: impl Fn(&Second) -> f64,
        colour: &str,
        what: &str,
        legend: f64,
    ) {
        let x = |at: usize| LEFT + WIDTH * at as f64 / self.seconds;
        let points =
            seconds.iter().enumerate().map(|(at, second)| format!("{:.1},{:.1}", x(at), self.y(value(second))));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            svg,
            r##"<polyline fill="none" stroke="{colour}" points="{points}"/><text x="{}" y="{}" fill="{colour}">{what}</text>"##,
            LEFT + WIDTH - 270.0 + legend,
            self.top - 6.0
        );
    }
}
