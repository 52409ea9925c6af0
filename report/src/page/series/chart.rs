//! One stretch of a series with what was expected of it.

use super::super::format::{esc, number, px, since_start};
use super::data::SeriesChart;

/// The size of a drawing.
pub(super) struct Size {
    width: f64,
    height: f64,
    /// Stretches that are drawn apart.
    columns: usize,
    /// Marks on the axis of time.
    ticks: usize,
}

/// A whole series.
pub(super) const FULL: Size = Size { width: 1_000.0, height: 116.0, columns: 480, ticks: 10 };
/// Some hours.
pub(super) const ZOOM: Size = Size { width: 300.0, height: 116.0, columns: 150, ticks: 3 };

/// The plot's upper edge, and the room for the axis below it.
const TOP: f64 = 6.0;
const FOOT: f64 = 20.0;
/// An abnormal stretch is never drawn narrower.
const SPAN_MIN: f64 = 2.0;

/// Some bins drawn as one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    /// Its middle, in bins after the first one.
    at: f64,
    low: f64,
    high: f64,
    expected: f64,
    sigma: f64,
}

/// Draws it; bins before `train_end` are marked as those that taught.
pub(super) fn draw(chart: &SeriesChart, bin_s: f64, train_end: usize, size: &Size) -> String {
    let columns = columns(chart, size.columns);
    let label = esc(&chart.label);
    let Some((low, high)) = range(&columns) else {
        return format!("<div class=\"chart\"><h3>{label}</h3><p class=\"none\">no data</p></div>\n");
    };
    let bins = chart.observed.len().max(1) as f64;
    let floor = size.height - FOOT;
    let x = |bin: f64| bin / bins * size.width;
    let y = |v: f64| floor - (v.clamp(low, high) - low) / (high - low) * (floor - TOP);
    let spans: String = chart.spans.iter().map(|span| rectangle(*span, chart, x, floor)).collect();
    let learnt = train_end.saturating_sub(chart.first).min(chart.observed.len());
    let learnt = match learnt {
        0 => String::new(),
        _ => format!("<path class=\"learnt\" d=\"M0 {0}H{1}\"/>", px(floor), px(x(learnt as f64))),
    };
    let expected = line(columns.iter().map(|c| (x(c.at), [y(c.expected); 2])));
    let observed = line(columns.iter().map(|c| (x(c.at), [y(c.low), y(c.high)])));
    let mark = |v: f64, at: f64| format!("<text class=\"v\" x=\"2\" y=\"{}\">{}</text>", px(at), number(v));
    format!(
        "<div class=\"chart\"><h3>{label}</h3><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\">{spans}{}{learnt}\
         <path class=\"band\" d=\"{}\"/><path class=\"sha\" d=\"{expected}\"/><path class=\"obs\" d=\"{observed}\"/>{}{}\
         </svg></div>\n",
        px(size.width),
        px(size.height),
        axis(chart, bin_s, size, x),
        band(&columns, x, y),
        mark(high, TOP + 8.0),
        mark(low, floor - 3.0),
    )
}

/// The bins in at most so many columns.
fn columns(chart: &SeriesChart, most: usize) -> Vec<Column> {
    let bins = chart.observed.len();
    let columns = bins.min(most);
    let column = |k: usize| {
        let stretch = k * bins / columns..(k + 1) * bins / columns;
        let finite = |values: &[f64]| values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<_>>();
        let part = |values: &[f64]| finite(values.get(stretch.clone()).unwrap_or_default());
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let observed = part(&chart.observed);
        Column {
            at: (stretch.start + stretch.end) as f64 / 2.0,
            low: observed.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
            high: observed.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
            expected: mean(part(&chart.expected)),
            sigma: mean(part(&chart.sigma)),
        }
    };
    (0..columns).map(column).collect()
}

/// What the height spans: all that was observed, and of the band what is not far beyond. Of what is never negative the band
/// ends at 0.
fn range(columns: &[Column]) -> Option<(f64, f64)> {
    let observed = columns.iter().flat_map(|c| [c.low, c.high]).filter(|v| v.is_finite());
    let (low, high) = observed.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return None;
    }
    let bottom = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let room = (high - low).max(high.abs() * 1e-3).max(1e-9);
    let band = columns.iter().flat_map(|c| [c.expected - 2.0 * c.sigma, c.expected + 2.0 * c.sigma]);
    let (low, high) = band
        .filter(|v| v.is_finite())
        .fold((low, high), |(l, h), v| (l.min(v.max(low - room).max(bottom)), h.max(v.min(high + room))));
    Some(if high > low { (low, high) } else { ((low - room).max(bottom), high + room) })
}

/// A line through the columns from their lower to their upper values, interrupted where nothing is known.
fn line(points: impl Iterator<Item = (f64, [f64; 2])>) -> String {
    let (mut d, mut pen_down) = (String::new(), false);
    for (x, [low, high]) in points {
        if low.is_finite() && high.is_finite() {
            d += &format!("{}{} {}", if pen_down { 'L' } else { 'M' }, px(x), px(low));
            let (low, high) = (px(low), px(high));
            if low != high {
                d += &format!("V{high}");
            }
        }
        pen_down = low.is_finite();
    }
    d
}

fn band(columns: &[Column], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let known: Vec<_> = columns.iter().filter(|c| (c.expected + c.sigma).is_finite()).collect();
    if known.len() < 2 {
        return String::new();
    }
    let edge = |c: &&Column, k: f64| format!("{} {}", px(x(c.at)), px(y(c.expected + k * c.sigma)));
    let upper = known.iter().map(|c| edge(c, 2.0));
    let lower = known.iter().rev().map(|c| edge(c, -2.0));
    format!("M{}z", upper.chain(lower).collect::<Vec<_>>().join("L"))
}

fn rectangle(span: (usize, usize), chart: &SeriesChart, x: impl Fn(f64) -> f64, floor: f64) -> String {
    let inside = |bin: usize| bin.saturating_sub(chart.first).min(chart.observed.len()) as f64;
    let (left, right) = (x(inside(span.0)), x(inside(span.1 + 1)));
    if right <= left {
        return String::new();
    }
    let wider = ((SPAN_MIN - (right - left)) / 2.0).max(0.0);
    format!(
        "<path class=\"span\" d=\"M{0} {TOP}H{1}V{2}H{0}z\"/>",
        px(left - wider),
        px(right + wider),
        px(floor)
    )
}

/// The axis of time, at round times since the start of the series.
fn axis(chart: &SeriesChart, bin_s: f64, size: &Size, x: impl Fn(f64) -> f64) -> String {
    const STEPS: [f64; 17] = [
        1.0,
        5.0,
        10.0,
        30.0,
        60.0,
        300.0,
        600.0,
        1_200.0,
        1_800.0,
        3_600.0,
        7_200.0,
        21_600.0,
        43_200.0,
        86_400.0,
        172_800.0,
        604_800.0,
        2_419_200.0,
    ];
    let floor = size.height - FOOT;
    let mut out = format!("<path class=\"rule\" d=\"M0 {}H{}\"/>", px(floor), px(size.width));
    let (start, span) = (chart.first as f64 * bin_s, chart.observed.len() as f64 * bin_s);
    let step = STEPS.into_iter().find(|step| span / step <= size.ticks as f64).unwrap_or(span);
    if !(step > 0.0 && step.is_finite()) {
        return out;
    }
    let from = (start / step).ceil();
    for k in 0..=size.ticks {
        let time = (from + k as f64) * step;
        let at = x((time - start) / bin_s);
        if at > size.width {
            break;
        }
        let side = match at / size.width {
            share if share < 0.05 => "start",
            share if share > 0.93 => "end",
            _ => "middle",
        };
        out += &format!(
            "<path class=\"rule\" d=\"M{0} {1}v3\"/><text x=\"{0}\" y=\"{2}\" text-anchor=\"{side}\">{3}</text>",
            px(at),
            px(floor),
            px(floor + 14.0),
            if time == 0.0 { "0".to_owned() } else { since_start(time) }
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(observed: Vec<f64>) -> SeriesChart {
        let bins = observed.len();
        SeriesChart {
            observed,
            expected: vec![1.0; bins],
            sigma: vec![0.5; bins],
            spans: vec![(1_000, 1_000)],
            ..SeriesChart::default()
        }
    }

    #[test]
    fn a_peak_of_one_bin_among_thousands_is_drawn() {
        let mut observed = vec![1.0; 12_000];
        observed[4_321] = 9.0;
        let columns = columns(&chart(observed), 480);
        assert_eq!(columns.len(), 480);
        assert_eq!(columns.iter().map(|c| c.high).fold(0.0, f64::max), 9.0);
        assert_eq!(range(&columns), Some((0.0, 9.0)), "the lower edge is that of the band");
    }

    #[test]
    fn what_is_never_negative_is_drawn_from_0_on() {
        let mut counts = chart(vec![0.0, 1.0, 0.0]);
        counts.sigma = vec![2.0; 3];
        assert_eq!(range(&columns(&counts, 3)), Some((0.0, 2.0)));
        counts.observed[0] = -0.5;
        assert_eq!(range(&columns(&counts, 3)), Some((-2.0, 2.5)));
    }

    #[test]
    fn gaps_interrupt_the_line_and_short_spans_can_be_seen() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0), (3.0, 4.0)];
        assert_eq!(line(points.into_iter().map(|(x, y)| (x, [y; 2]))), "M0 1M2 3L3 4");
        let chart = chart(vec![1.0; 12_000]);
        let drawn = rectangle(chart.spans[0], &chart, |bin| bin / 12.0, 90.0);
        assert_eq!(drawn, "<path class=\"span\" d=\"M82.4 6H84.4V90H82.4z\"/>");
        assert_eq!(rectangle((20_000, 20_001), &chart, |bin| bin / 12.0, 90.0), "", "it is elsewhere");
    }

    #[test]
    fn a_series_without_samples_or_without_a_band_is_drawn_all_the_same() {
        assert!(draw(&chart(vec![f64::NAN; 9]), 60.0, 0, &ZOOM).contains("no data"));
        assert!(draw(&chart(Vec::new()), 60.0, 0, &ZOOM).contains("no data"));
        let mut bare = chart(vec![2.0; 9]);
        bare.expected = vec![f64::NAN; 9];
        let drawn = draw(&bare, 60.0, 4, &ZOOM);
        assert!(drawn.contains("class=\"learnt\"") && !drawn.contains("NaN"), "{drawn}");
    }
}
