//! Production beside its shadow: the series that differ most as small charts, then the largest residuals and all
//! half-links as tables.

use super::data::{Axis, Comparison, HalfLink, LinkState, MapLink, Page, Unit};
use super::format::{count, esc, percent, px, rate, sigmas, since_start, value};
use super::load::{arc_name, utilisation};
use super::strips::ticks;

/// Series are thinned to this many points.
const POINTS_MAX: usize = 240;
/// Half-links beyond this number are left out of their table, the idle ones first.
const ROWS_MAX: usize = 1_000;

/// The section; empty without anything to compare.
pub(super) fn section(page: &Page) -> String {
    if page.top.is_empty() && page.residuals.is_empty() && page.map.links.is_empty() {
        return String::new();
    }
    let charts: String = page.top.iter().map(|c| chart(c, &page.axis)).collect();
    let figure = if charts.is_empty() {
        String::new()
    } else {
        format!(
            "<figure>\n<div class=\"charts\">\n{charts}</div>\n<ul class=\"legend\">\n\
             <li><svg viewBox=\"0 0 26 8\"><path class=\"obs\" d=\"M1 4H25\"/></svg>production</li>\n\
             <li><svg viewBox=\"0 0 26 8\"><path class=\"band\" d=\"M0 0h26v8h-26z\"/><path class=\"sha\" \
             d=\"M1 4H25\"/></svg>shadow ± 2σ</li>\n\
             <li><svg viewBox=\"0 0 10 8\"><circle class=\"out\" cx=\"5\" cy=\"4\" r=\"2.4\"/></svg>beyond 3σ</li>\n\
             </ul>\n<figcaption><b>Production beside shadow.</b> The series that differ most. The shadow is what the \
             network would show without a fault, through the same sensors. Charts start at zero unless a value stands \
             at the lower edge.</figcaption>\n</figure>\n"
        )
    };
    format!(
        "<section id=\"shadow\">\n<h2>Production beside its shadow</h2>\n{figure}{}{}</section>\n",
        residuals(page),
        half_links(page)
    )
}

const W: f64 = 300.0;
const H: f64 = 112.0;
/// The plot's edges within the chart.
const TOP: f64 = 8.0;
const BOTTOM: f64 = 90.0;

/// One chart: the shadow with its band, production as a line, and dots where it leaves the band.
fn chart(c: &Comparison, axis: &Axis) -> String {
    let bins = thinned(c, axis.bins);
    let Some((lo, hi)) = value_range(c, &bins) else {
        return format!(
            "<div class=\"chart\"><h3>{}</h3><p class=\"none\">no data</p></div>\n",
            esc(&c.label)
        );
    };
    let x = |bin: usize| (bin as f64 + 0.5) / axis.bins.max(1) as f64 * W;
    let y = |v: f64| BOTTOM - (v.clamp(lo, hi) - lo) / (hi - lo) * (BOTTOM - TOP);
    let at = |column: &[f64], bin: usize| column.get(bin).copied().unwrap_or(f64::NAN);
    let band = band(&bins, |b| at(&c.shadow, b), |b| at(&c.sigma, b), x, y);
    let line = |column: &[f64]| polyline(bins.iter().map(|&b| (x(b), y(at(column, b)))));
    let dots: String = bins
        .iter()
        .filter(|&&b| ((at(&c.observed, b) - at(&c.shadow, b)) / at(&c.sigma, b)).abs() >= 3.0)
        .map(|&b| {
            format!(
                "<circle class=\"out\" cx=\"{}\" cy=\"{}\" r=\"2\"/>",
                px(x(b)),
                px(y(at(&c.observed, b)))
            )
        })
        .collect();
    format!(
        "<div class=\"chart\"><h3>{}</h3><svg viewBox=\"0 0 {W} {H}\" role=\"img\" aria-label=\"{0}\">{}\
         <path class=\"band\" d=\"{band}\"/><path class=\"sha\" d=\"{}\"/><path class=\"obs\" d=\"{}\"/>{dots}{}</svg>\
         </div>\n",
        esc(&c.label),
        frame(axis),
        line(&c.shadow),
        line(&c.observed),
        value_marks(lo, hi, c.unit),
    )
}

/// The bins to draw: all, or from each of [`POINTS_MAX`] stretches the one where production differs most.
fn thinned(c: &Comparison, bins: usize) -> Vec<usize> {
    if bins <= POINTS_MAX {
        return (0..bins).collect();
    }
    let gap = |bin: usize| match (c.observed.get(bin), c.shadow.get(bin)) {
        (Some(o), Some(s)) if (o - s).is_finite() => (o - s).abs(),
        _ => -1.0,
    };
    (0..POINTS_MAX)
        .filter_map(|k| {
            let stretch = k * bins / POINTS_MAX..(k + 1) * bins / POINTS_MAX;
            stretch.max_by(|&i, &j| gap(i).total_cmp(&gap(j)).then(j.cmp(&i)))
        })
        .collect()
}

/// What the chart's height spans: from zero, unless the series stays far above it.
fn value_range(c: &Comparison, bins: &[usize]) -> Option<(f64, f64)> {
    let mut lo = f64::INFINITY;
    let mut hi = f64::NEG_INFINITY;
    for &b in bins {
        let get = |column: &[f64]| column.get(b).copied().unwrap_or(f64::NAN);
        let (o, s, sigma) = (get(&c.observed), get(&c.shadow), get(&c.sigma));
        for v in [o, s, s - 2.0 * sigma, s + 2.0 * sigma].into_iter().filter(|v| v.is_finite()) {
            lo = lo.min(v);
            hi = hi.max(v);
        }
    }
    if lo > hi {
        return None;
    }
    let lo = if lo < hi * 0.5 { 0.0 } else { lo };
    Some(if hi > lo { (lo, hi) } else { (lo, lo + lo.abs().max(1e-9)) })
}

fn band(
    bins: &[usize],
    shadow: impl Fn(usize) -> f64,
    sigma: impl Fn(usize) -> f64,
    x: impl Fn(usize) -> f64,
    y: impl Fn(f64) -> f64,
) -> String {
    let known: Vec<usize> = bins.iter().copied().filter(|&b| (shadow(b) + sigma(b)).is_finite()).collect();
    if known.len() < 2 {
        return String::new();
    }
    let edge = |b: &usize, k: f64| format!("{} {}", px(x(*b)), px(y(shadow(*b) + k * sigma(*b))));
    let upper = known.iter().map(|b| edge(b, 2.0));
    let lower = known.iter().rev().map(|b| edge(b, -2.0));
    format!("M{}z", upper.chain(lower).collect::<Vec<_>>().join("L"))
}

/// A line through the finite points, interrupted at the others.
fn polyline(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut d = String::new();
    let mut pen_down = false;
    for (x, y) in points {
        if x.is_finite() && y.is_finite() {
            d += &format!("{}{} {}", if pen_down { 'L' } else { 'M' }, px(x), px(y));
        }
        pen_down = y.is_finite();
    }
    d
}

fn frame(axis: &Axis) -> String {
    let mut out = format!("<path class=\"rule\" d=\"M0 {BOTTOM}H{W}\"/>");
    for (share, text) in ticks(axis, 4) {
        let x = share * W;
        let side = match share {
            s if s < 0.05 => "start",
            s if s > 0.93 => "end",
            _ => "middle",
        };
        out += &format!(
            "<path class=\"rule\" d=\"M{0} {BOTTOM}v3\"/><text x=\"{0}\" y=\"{1}\" text-anchor=\"{side}\">{text}</text>",
            px(x),
            px(BOTTOM + 14.0)
        );
    }
    if let Some(onset) = axis.known_onset().filter(|_| axis.bins > 0) {
        let x = px((onset.value / axis.bins as f64).clamp(0.0, 1.0) * W);
        out += &format!("<path class=\"onset\" d=\"M{x} {TOP}V{BOTTOM}\"/>");
    }
    out
}

/// The values at the upper and the lower edge; a lower edge of zero is not written.
fn value_marks(lo: f64, hi: f64, unit: Unit) -> String {
    let mark =
        |at: f64, y: f64| format!("<text class=\"v\" x=\"2\" y=\"{}\">{}</text>", px(y), value(at, unit));
    let low = if lo == 0.0 { String::new() } else { mark(lo, BOTTOM - 3.0) };
    mark(hi, TOP + 8.0) + &low
}

/// A cell that sorts by number.
fn cell(sort: f64, text: &str) -> String {
    let key = if sort.is_finite() { format!(" data-v=\"{sort:e}\"") } else { String::new() };
    format!("<td{key}>{text}</td>")
}

fn residuals(page: &Page) -> String {
    if page.residuals.is_empty() {
        return String::new();
    }
    let rows: String = page
        .residuals
        .iter()
        .map(|r| {
            let z = (r.observed - r.shadow) / r.sigma;
            format!(
                "<tr><th scope=\"row\">{}</th>{}{}{}{}{}</tr>\n",
                esc(&r.label),
                cell(z.abs(), &sigmas(z)),
                cell(r.bin as f64, &since_start(r.bin as f64 * page.axis.bin_s)),
                cell(r.observed, &value(r.observed, r.unit)),
                cell(r.shadow, &value(r.shadow, r.unit)),
                cell(r.sigma, &value(r.sigma, r.unit)),
            )
        })
        .collect();
    format!(
        "<h3 id=\"residuals\">Largest residuals</h3>\n<div class=\"scroll\"><table class=\"sortable residuals\">\n<thead><tr>\
         <th>Series</th><th>Difference</th><th>Time</th><th>Production</th><th>Shadow</th><th>σ</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn half_links(page: &Page) -> String {
    if page.map.links.is_empty() {
        return String::new();
    }
    let mut arcs: Vec<(&MapLink, bool)> =
        page.map.links.iter().flat_map(|l| [(l, true), (l, false)]).collect();
    let mut which = "All";
    if arcs.len() > ROWS_MAX {
        let load =
            |arc: &(&MapLink, bool)| Some(utilisation(half(arc))).filter(|u| u.is_finite()).unwrap_or(-1.0);
        arcs.sort_by(|a, b| load(b).total_cmp(&load(a)));
        arcs.truncate(ROWS_MAX);
        which = "The busiest";
    }
    let rows: String =
        arcs.iter().map(|arc| half_link_row(&arc_name(&page.map, arc.0, arc.1), half(arc))).collect();
    format!(
        "<details id=\"links\">\n<summary>{which} {} half-links</summary>\n<div class=\"scroll\"><table \
         class=\"sortable\">\n<thead><tr><th>Half-link</th><th>State</th><th>Capacity</th><th>Production</th>\
         <th>Shadow</th><th>Utilisation</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</details>\n",
        count(arcs.len() as u64)
    )
}

fn half<'a>(arc: &(&'a MapLink, bool)) -> &'a HalfLink {
    if arc.1 { &arc.0.forward } else { &arc.0.backward }
}

fn half_link_row(name: &str, half: &HalfLink) -> String {
    let state = match half.state {
        LinkState::Up => "up",
        LinkState::Down => "down",
        LinkState::Stale => "stale",
    };
    let load = utilisation(half);
    format!(
        "<tr><th scope=\"row\">{}</th><td>{state}</td>{}{}{}{}</tr>\n",
        esc(name),
        cell(half.capacity, &rate(half.capacity)),
        cell(half.observed, &rate(half.observed)),
        cell(half.shadow, &rate(half.shadow)),
        cell(load, &percent(load)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_data_interrupts_the_line() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0), (3.0, 4.0)];
        assert_eq!(polyline(points.into_iter()), "M0 1M2 3L3 4");
    }

    #[test]
    fn thinning_keeps_the_peak() {
        let mut observed = vec![0.0; 10_000];
        observed[4_321] = 1.0;
        let c = Comparison { shadow: vec![0.0; 10_000], observed, ..Comparison::default() };
        let bins = thinned(&c, 10_000);
        assert_eq!(bins.len(), POINTS_MAX);
        assert!(bins.contains(&4_321));
    }

    #[test]
    fn a_constant_series_has_a_height() {
        let c =
            Comparison { observed: vec![0.0], shadow: vec![0.0], sigma: vec![0.0], ..Comparison::default() };
        let (lo, hi) = value_range(&c, &[0]).unwrap();
        assert!(hi > lo);
        assert_eq!(value_range(&Comparison::default(), &[0]), None);
    }
}
