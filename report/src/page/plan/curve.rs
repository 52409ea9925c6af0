//! The chart: how full each failure makes the network, sorted from the worst to the mildest.

use libm::{floor, log, log10, pow};

use super::super::format::{count, esc, px, utilization};
use super::super::lines::{SHEETS, Sheet};
use super::PlanPage;

/// With more failures than this the axis of ranks is logarithmic: the worst ten of a million stay visible.
const LINEAR_MAX: u64 = 120;

/// The plot's edges within the chart.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 14.0;
const FOOT: f64 = 38.0;

/// The section; empty without failures.
pub(super) fn section(page: &PlanPage) -> String {
    if page.failures == 0 {
        return String::new();
    }
    let charts: String = SHEETS.iter().map(|sheet| Chart::of(page, sheet).draw(page)).collect();
    format!(
        "<section id=\"failures-chart\">\n<h2>How full each failure makes the network</h2>\n<figure class=\"curve\">\n\
         {charts}<figcaption><b>All failures, the worst first.</b> Of each the utilisation of its fullest arc{}. Traffic \
         that a failure cuts off fills nothing: a low value may mean that much is lost.</figcaption>\n</figure>\n\
         </section>\n",
        if page.failures > LINEAR_MAX { "; the axis of ranks is logarithmic" } else { "" }
    )
}

/// Where things are drawn.
struct Chart<'s> {
    sheet: &'s Sheet,
    height: f64,
    failures: u64,
    /// The utilisation at the upper edge.
    top: f64,
}

impl<'s> Chart<'s> {
    fn of(page: &PlanPage, sheet: &'s Sheet) -> Self {
        let base = page.base.as_ref().map_or(0.0, |base| base.util);
        let marks = [base, page.threshold.map_or(0.0, |(u, _)| u)];
        let values = page.spread.iter().map(|(util, _)| *util).chain(marks).filter(|u| u.is_finite());
        let most = values.fold(0.0, f64::max);
        let height = if sheet.hover { 250.0 } else { 210.0 };
        Self { sheet, height, failures: page.failures, top: if most > 0.0 { most * 1.06 } else { 1.0 } }
    }

    /// Where the failures before `rank` end, which counts from 0.
    fn x(&self, rank: u64) -> f64 {
        let place = |rank: u64| match self.failures > LINEAR_MAX {
            true => log(rank as f64 + 0.5),
            false => rank as f64,
        };
        let share = (place(rank) - place(0)) / (place(self.failures) - place(0));
        LEFT + share * (self.sheet.width - LEFT - RIGHT)
    }

    /// The middle of the failure of a rank, which counts from 1.
    fn middle(&self, rank: u64) -> f64 {
        (self.x(rank - 1) + self.x(rank)) / 2.0
    }

    fn y(&self, util: f64) -> f64 {
        let share = if util.is_finite() { util / self.top } else { 1.0 };
        self.floor() - share * (self.floor() - TOP)
    }

    fn floor(&self) -> f64 {
        self.height - FOOT
    }

    fn draw(&self, page: &PlanPage) -> String {
        format!(
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Utilisation by failure, the worst first\">\n\
             {}{}{}{}</svg>\n",
            self.sheet.class,
            px(self.sheet.width),
            px(self.height),
            self.utilizations(),
            self.steps(page),
            self.limits(page),
            self.ranks(),
        )
    }

    /// The failures as one line of steps over an area.
    fn steps(&self, page: &PlanPage) -> String {
        let (mut line, mut rank) = (String::new(), 0);
        for (util, failures) in page.spread.iter().rev() {
            let y = px(self.y(*util));
            line += &match rank {
                0 => format!("M{} {y}", px(self.x(0))),
                _ => format!("V{y}"),
            };
            rank += failures;
            line += &format!("H{}", px(self.x(rank)));
        }
        let (floor, start) = (px(self.floor()), px(self.x(0)));
        format!("<path class=\"band\" d=\"{line}V{floor}H{start}z\"/>\n<path class=\"obs\" d=\"{line}\"/>\n")
    }

    /// The lines across: nothing down, and the threshold.
    fn limits(&self, page: &PlanPage) -> String {
        let base = page.base.as_ref().map(|base| ("sha", "nothing down", base.util));
        let threshold = page.threshold.map(|(util, _)| ("limit", "threshold", util));
        let mut lines: Vec<_> = base.into_iter().chain(threshold).filter(|l| l.2.is_finite()).collect();
        lines.sort_by(|a, b| b.2.total_cmp(&a.2));
        let right = px(self.sheet.width - RIGHT);
        let upper = lines.first().map(|l| self.y(l.2));
        let draw = |(i, (class, text, util)): (usize, &(&str, &str, f64))| {
            let y = self.y(*util);
            let (left, line) = (px(LEFT), px(y));
            // Failures lie above the line of nothing down. Two texts that are near each other stand on either side.
            let free = *class == "sha" && y + 16.0 < self.floor();
            let below = free || i > 0 && upper.is_some_and(|upper| y - upper < 16.0);
            format!(
                "<path class=\"{class}\" d=\"M{left} {line}H{right}\"/><text class=\"v\" x=\"{right}\" y=\"{}\" \
                 text-anchor=\"end\">{text} {}</text>\n",
                px(if below { y + 13.0 } else { y - 4.0 }),
                utilization(*util)
            )
        };
        lines.iter().enumerate().map(draw).collect()
    }

    /// The axis of utilisation.
    fn utilizations(&self) -> String {
        let step = round_step(self.top / 4.0);
        let marks = (0..8).map(|k| f64::from(k) * step).take_while(|util| *util <= self.top);
        let tick = |util: f64| {
            let y = self.y(util);
            let line = px(y);
            format!(
                "<path class=\"rule\" d=\"M{} {line}H{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
                px(LEFT),
                px(self.sheet.width - RIGHT),
                px(LEFT - 6.0),
                px(y + 4.0),
                utilization(util)
            )
        };
        marks.map(tick).collect()
    }

    /// The axis of ranks.
    fn ranks(&self) -> String {
        let y = px(self.floor() + 16.0);
        let mut ranks = vec![1];
        if self.failures > LINEAR_MAX {
            ranks.extend((1..20).map(|k| 10_u64.pow(k)).take_while(|r| *r < self.failures));
        } else {
            let step = (round_step(self.failures as f64 / 6.0) as u64).max(1);
            ranks.extend((1..8).map(|k| k * step).filter(|r| *r > 1 && *r < self.failures));
        }
        if self.failures > 1 {
            ranks.push(self.failures);
        }
        // A text takes some room; the last one is always there.
        let (mut out, mut free) = (String::new(), f64::NEG_INFINITY);
        let last = self.middle(self.failures);
        for rank in ranks {
            let (x, text) = (self.middle(rank), count(rank));
            let room = text.len() as f64 * self.sheet.letters * 0.6 + 6.0;
            let is_last = rank == self.failures;
            if !is_last && (x < free || x + 2.0 * room > last) {
                continue;
            }
            free = x + room;
            let anchor = if is_last && self.failures > 1 { "end" } else { "middle" };
            out += &format!("<text x=\"{}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>\n", px(x));
        }
        out + &format!(
            "<text x=\"{}\" y=\"{}\">{}</text>\n",
            px(LEFT),
            px(self.height - 5.0),
            esc("rank of the failure, 1 = worst")
        )
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below a positive number.
fn round_step(least: f64) -> f64 {
    let power = pow(10.0, floor(log10(least)));
    [1.0, 2.0, 5.0].into_iter().map(|k| k * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::super::Full;
    use super::*;

    fn page(spread: Vec<(f64, u64)>) -> PlanPage {
        let failures = spread.iter().map(|(_, n)| n).sum();
        PlanPage {
            base: Some(Full { arc: "a → b".into(), util: 0.5 }),
            threshold: Some((0.5, 1)),
            spread,
            failures,
            ..PlanPage::default()
        }
    }

    #[test]
    fn steps_go_down_from_the_worst_to_the_mildest() {
        let page = page(vec![(0.5, 3), (1.0, 1)]);
        let chart = Chart::of(&page, &SHEETS[0]);
        let quarter = (SHEETS[0].width - LEFT - RIGHT) / 4.0;
        let (low, high) = (px(chart.y(0.5)), px(chart.y(1.0)));
        let line = format!("M52 {high}H{}V{low}H{}", px(LEFT + quarter), px(SHEETS[0].width - RIGHT));
        assert!(chart.steps(&page).contains(&format!("<path class=\"obs\" d=\"{line}\"/>")), "{line}");
        assert!(chart.y(0.5) > chart.y(1.0));
    }

    #[test]
    fn the_worst_of_a_million_has_room() {
        let page = page(vec![(0.5, 999_999), (1.0, 1)]);
        let chart = Chart::of(&page, &SHEETS[0]);
        assert!(chart.x(1) - chart.x(0) > 40.0);
        assert!(chart.ranks().contains(">1,000,000<") && chart.ranks().contains(">100<"));
    }

    #[test]
    fn a_load_without_capacity_reaches_the_upper_edge() {
        let page = page(vec![(0.5, 1), (f64::INFINITY, 1)]);
        assert_eq!(Chart::of(&page, &SHEETS[0]).y(f64::INFINITY), TOP);
        assert!(!section(&page).contains("inf"));
    }

    #[test]
    fn steps_of_an_axis_are_round() {
        assert_eq!([0.3, 0.11, 1.0, 7.0].map(round_step), [0.5, 0.2, 1.0, 10.0]);
    }
}
