//! The time line of what was abnormal: one heat strip per series, time to the right.

use super::data::{Axis, Page, Strip};
use super::format::{count, esc, px, since_start};

/// More abnormal series than this share the last row.
pub const STRIPS_MAX: usize = 25;

/// Bounds of |z| between the colour classes: below the first a bin counts as normal.
const Z_STEPS: [f64; 4] = [2.0, 3.0, 5.0, 8.0];

/// The figure; empty without bins.
pub(super) fn figure(page: &Page) -> String {
    if page.axis.bins == 0 {
        return String::new();
    }
    if page.timeline.is_empty() {
        return "<section id=\"timeline\">\n<h2>When it was abnormal</h2>\n<p class=\"none\">No series was abnormal in \
                any bin.</p>\n</section>\n"
            .to_owned();
    }
    let rows: String =
        summarised(&page.timeline, page.axis.bins).iter().map(|s| row(s, &page.axis)).collect();
    format!(
        "<section id=\"timeline\">\n<h2>When it was abnormal</h2>\n<figure class=\"strips\">\n{rows}{}{}\
         <figcaption><b>Time line.</b> Production less shadow, in standard deviations σ of what is normal, one row \
         per abnormal series and one cell per bin of {}.{}</figcaption>\n</figure>\n</section>\n",
        scale(&page.axis),
        legend(&page.axis),
        since_start(page.axis.bin_s),
        match page.axis.judged_from {
            0 => String::new(),
            k => format!(
                " The first {} (grey line) taught what is normal.",
                since_start(k as f64 * page.axis.bin_s)
            ),
        }
    )
}

/// The most abnormal series in the order given; the others as one strip that shows the strongest in each bin.
fn summarised(strips: &[Strip], bins: usize) -> Vec<Strip> {
    if strips.len() <= STRIPS_MAX {
        return strips.to_vec();
    }
    let peak = |s: &Strip| s.z.iter().filter(|z| z.is_finite()).fold(0.0_f64, |m, z| m.max(z.abs()));
    let mut order: Vec<usize> = (0..strips.len()).collect();
    order.sort_by(|&i, &j| peak(&strips[j]).total_cmp(&peak(&strips[i])).then(i.cmp(&j)));
    let (shown, rest) = order.split_at_mut(STRIPS_MAX - 1);
    shown.sort_unstable();
    let mut out: Vec<Strip> = shown.iter().map(|&i| strips[i].clone()).collect();
    let strongest = |bin: usize| {
        rest.iter()
            .filter_map(|&i| strips[i].z.get(bin).copied().filter(|z| z.is_finite()))
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or(f64::NAN)
    };
    let label = format!("{} more, the strongest in each bin", count(rest.len() as u64));
    out.push(Strip { label, z: (0..bins).map(strongest).collect() });
    out
}

fn row(strip: &Strip, axis: &Axis) -> String {
    format!(
        "<div class=\"strip\"><span class=\"label\">{0}</span><svg viewBox=\"0 0 {1} 1\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"{0}\">{2}{3}</svg></div>\n",
        esc(&strip.label),
        axis.bins,
        cells(strip, axis.bins),
        onset(axis)
    )
}

/// The colour class of one bin; `None` is normal.
fn class(z: f64) -> Option<&'static str> {
    if !z.is_finite() {
        return Some("zx");
    }
    let level = Z_STEPS.iter().filter(|&&s| z.abs() >= s).count();
    let names = if z > 0.0 { ["", "p1", "p2", "p3", "p4"] } else { ["", "m1", "m2", "m3", "m4"] };
    Some(names[level]).filter(|name| !name.is_empty())
}

/// One path per colour class; neighbouring bins of a class join.
fn cells(strip: &Strip, bins: usize) -> String {
    let of = |bin: usize| class(strip.z.get(bin).copied().unwrap_or(f64::NAN));
    let mut out = String::new();
    for name in ["zx", "m1", "m2", "m3", "m4", "p1", "p2", "p3", "p4"] {
        let mut d = String::new();
        let mut bin = 0;
        while bin < bins {
            let length = (bin..bins).take_while(|&b| of(b) == Some(name)).count();
            if length > 0 {
                d += &format!("M{bin} .06h{length}v.88h-{length}z");
            }
            bin += length.max(1);
        }
        if !d.is_empty() {
            out += &format!("<path class=\"{name}\" d=\"{d}\"/>");
        }
    }
    out
}

fn onset(axis: &Axis) -> String {
    let Some(onset) = axis.known_onset() else { return String::new() };
    let x = |bin: f64| format!("{:.2}", bin.clamp(0.0, axis.bins as f64));
    format!(
        "<path class=\"span\" d=\"M{0} 0H{1}V1H{0}z\"/><path class=\"onset\" d=\"M{2} 0V1\"/>",
        x(onset.lo),
        x(onset.hi),
        x(onset.value)
    )
}

/// The time scale below the rows.
fn scale(axis: &Axis) -> String {
    let marks: String = ticks(axis, 6)
        .into_iter()
        .map(|(at, text)| {
            let class = if at > 0.93 { " class=\"last\"" } else { "" };
            format!("<i{class} style=\"left:{}%\">{text}</i>", px(at * 100.0))
        })
        .collect();
    let learnt = if axis.judged_from > 0 && axis.bins > 0 {
        format!(
            "<b style=\"width:{}%\"></b>",
            px((axis.judged_from as f64 / axis.bins as f64).min(1.0) * 100.0)
        )
    } else {
        String::new()
    };
    format!(
        "<div class=\"strip scale\"><span class=\"label\">time since the start</span><div>{learnt}{marks}</div></div>\n"
    )
}

/// Round times on the axis, at most `most` steps: position (0 to 1) and text.
pub(super) fn ticks(axis: &Axis, most: usize) -> Vec<(f64, String)> {
    const STEPS: [f64; 16] = [
        1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 43_200.0,
        86_400.0, 172_800.0, 604_800.0,
    ];
    let total = axis.bins as f64 * axis.bin_s;
    if !(total > 0.0 && total.is_finite()) {
        return Vec::new();
    }
    let step = STEPS.into_iter().find(|s| total / s <= most as f64).unwrap_or(total);
    (0..=most)
        .map(|k| k as f64 * step)
        .take_while(|&t| t <= total)
        .map(|t| (t / total, if t == 0.0 { "0".to_owned() } else { since_start(t) }))
        .collect()
}

fn legend(axis: &Axis) -> String {
    let [a, b, c, d] = Z_STEPS;
    let cell = |class: &str, text: &str| {
        format!(
            "<li><svg viewBox=\"0 0 14 10\"><path class=\"{class}\" d=\"M0 0h14v10h-14z\"/></svg>{text}</li>\n"
        )
    };
    let mut out = String::from("<ul class=\"legend\">\n<li class=\"head\">σ, more than expected</li>\n");
    let steps = [format!("{a}–{b}"), format!("{b}–{c}"), format!("{c}–{d}"), format!("over {d}")];
    out.extend(steps.iter().enumerate().map(|(k, text)| cell(&format!("p{}", k + 1), text)));
    out += "<li class=\"head\">less</li>\n";
    out.extend(steps.iter().enumerate().map(|(k, text)| cell(&format!("m{}", k + 1), text)));
    out += &cell("zx", "no data");
    if axis.known_onset().is_some() {
        out += "<li><svg viewBox=\"0 0 14 10\"><path class=\"onset\" d=\"M7 0V10\"/></svg>onset</li>\n";
    }
    out + "</ul>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(label: &str, z: &[f64]) -> Strip {
        Strip { label: label.into(), z: z.to_vec() }
    }

    #[test]
    fn neighbouring_bins_of_a_class_join() {
        let cells = cells(&strip("a", &[0.0, 9.0, 9.0, -4.0, f64::NAN]), 6);
        assert_eq!(
            cells,
            "<path class=\"zx\" d=\"M4 .06h2v.88h-2z\"/><path class=\"m2\" d=\"M3 .06h1v.88h-1z\"/>\
             <path class=\"p4\" d=\"M1 .06h2v.88h-2z\"/>"
        );
    }

    #[test]
    fn many_series_share_the_last_row() {
        let strips: Vec<Strip> = (0..40).map(|i| strip(&i.to_string(), &[f64::from(i) / 4.0, 0.0])).collect();
        let rows = summarised(&strips, 2);
        assert_eq!(rows.len(), STRIPS_MAX);
        assert_eq!((rows[0].label.as_str(), rows[23].label.as_str()), ("16", "39"));
        assert_eq!(rows[24].label, "16 more, the strongest in each bin");
        assert_eq!(rows[24].z[0], 3.75);
    }

    #[test]
    fn ticks_are_round_times() {
        let axis = Axis { bins: 100, bin_s: 60.0, ..Axis::default() };
        let text: Vec<String> = ticks(&axis, 6).into_iter().map(|(_, t)| t.replace('\u{a0}', " ")).collect();
        assert_eq!(text, ["0", "20 min", "40 min", "1 h", "1 h 20 min", "1 h 40 min"]);
    }
}
