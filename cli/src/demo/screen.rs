//! The demo's screen: plain text, 80 columns.

use std::fmt::Write;

use scenarios::rank::Cause;
use scenarios::world::{BIN_S, Fault, World};
use twin::{Csr, Residual, Subject};

use super::answer::{Answer, describe};
use super::library::Library;
use super::pipeline::Findings;
use crate::prose::wrap;

const WIDTH: usize = 80;

/// Everything that the screen shows.
pub(crate) struct Screen<'a> {
    pub(crate) library: &'a Library,
    pub(crate) world: &'a World,
    pub(crate) findings: &'a Findings,
    pub(crate) answer: &'a Answer,
    pub(crate) seed: u64,
    /// The reader's guess as typed, with its place and probability in the ranking.
    pub(crate) guess: Option<(String, usize, f64)>,
    /// Digest of all tables.
    pub(crate) digest: &'a str,
    /// Where the tables are, if they were kept.
    pub(crate) out: Option<String>,
}

impl Screen<'_> {
    /// The whole text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.management(&mut text);
        self.twin_itself(&mut text);
        self.residuals(&mut text);
        self.causes(&mut text);
        self.drain(&mut text);
        self.doubt(&mut text);
        self.not_modelled(&mut text);
        self.truth(&mut text);
        text
    }

    fn head(&self, out: &mut String) {
        let csr = &self.findings.csr;
        let (title, traffic) = (self.library.title, self.library.traffic);
        line(out, &format!("{title}: {} nodes, {} links; {traffic}", csr.node_count(), csr.link_count()));
        let minutes = self.world.flows.bins;
        let days = self.world.history as f64 * self.world.polling.every_s / 86_400.0;
        line(
            out,
            &format!(
                "{days:.1} days of counters, then {minutes} minutes of counters and {} watched flows; seed {}",
                self.world.flows.len(),
                self.seed
            ),
        );
    }

    fn management(&self, out: &mut String) {
        title(out, "What the management system sees");
        for (what, value, _) in management(self.world, self.findings) {
            wrap(out, &value, &format!("  {what:<34} "), &" ".repeat(37), WIDTH);
        }
    }

    fn twin_itself(&self, out: &mut String) {
        title(out, "The twin, held against the quiet counters");
        if self.findings.suspects.is_empty() {
            line(out, "  nothing looks stale");
        }
        for s in &self.findings.suspects {
            let name = s.name(&self.findings.csr);
            paragraph(
                out,
                &format!(
                    "metric of {name} looks stale: {} in the twin, {} fits better (+{:.0} nats); the ranking works on a \
                     fork with that metric",
                    s.believed, s.fits, s.log_bayes
                ),
            );
        }
    }

    fn residuals(&self, out: &mut String) {
        title(out, "Production minus shadow");
        for r in largest(&self.findings.residuals, 5) {
            let (name, observed, shadow) = words(&self.findings.csr, r);
            line(
                out,
                &format!(
                    "  {:<33} {observed:>12}, usual {shadow:>12} {:>+7.1} σ",
                    clip(&name, 33),
                    r.z().clamp(-9999.0, 9999.0)
                ),
            );
        }
        line(
            out,
            &format!(
                "  {} series abnormal; {} of {} flows lose clearly more than they used to",
                self.findings.anomalies.len(),
                self.findings.bad.len(),
                self.world.flows.len()
            ),
        );
    }

    fn causes(&self, out: &mut String) {
        let ranking = &self.findings.ranking;
        title(out, "Ranked causes");
        let mut rows: Vec<(f64, String)> = Vec::new();
        for cause in ranking.causes.iter().take(5) {
            rows.push((cause.probability, self.cause_words(cause)));
        }
        rows.push((ranking.none, "nothing is wrong".to_owned()));
        rows.push((ranking.unknown, "something that no hypothesis names".to_owned()));
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (p, words) in rows.iter().filter(|(p, _)| *p >= 5e-4) {
            wrap(out, words, &format!("  {p:>5.3} {} ", bar(*p, 12)), "                     ", WIDTH);
        }
        if let Some(first) = ranking.causes.first().filter(|c| c.probability > 0.5) {
            self.explanation(out, first);
        }
        if let Some((arc, loss)) = self.findings.naive.first() {
            let name = self.findings.csr.arc_name(*arc);
            let rule = format!("(highest loss among links of bad paths: {name}, {:.2} %)", 100.0 * loss);
            paragraph(out, &rule);
        }
    }

    fn cause_words(&self, cause: &Cause) -> String {
        let mut words = describe(&self.findings.csr, cause.component);
        if let Some((mean, lo, hi)) = cause.severity {
            let _ = write!(words, ", {:.2} % ({:.2}-{:.2})", 100.0 * mean, 100.0 * lo, 100.0 * hi);
        }
        if cause.std_error > 5e-4 {
            let _ = write!(words, " ±{:.3}", cause.std_error);
        }
        if cause.same_as.is_some() {
            words.push_str(" (cannot be told from the one above)");
        }
        words
    }

    fn explanation(&self, out: &mut String, first: &Cause) {
        let explained = explained(self.findings.bad.len(), &self.answer.explained);
        paragraph(out, &format!("Since minute {:.0}. {explained}", first.onset.0));
        let mut entries: Vec<_> = first.ledger.iter().filter(|(_, v)| v.abs() >= 0.5).collect();
        entries.sort_by(|a, b| b.1.total_cmp(&a.1));
        let show = |e: &&((&str, String), f64)| format!("{} {} {:+.1}", e.0.0, e.0.1, e.1);
        let for_it: Vec<_> = entries.iter().filter(|e| e.1 > 0.0).take(3).map(show).collect();
        let against: Vec<_> = entries.iter().rev().filter(|e| e.1 < 0.0).take(2).map(show).collect();
        paragraph(out, &format!("For it: {}.", for_it.join("; ")));
        if !against.is_empty() {
            paragraph(out, &format!("Against it: {}.", against.join("; ")));
        }
    }

    fn drain(&self, out: &mut String) {
        let Some(drain) = &self.answer.drain else { return };
        let csr = &self.findings.csr;
        title(out, "Drain it now?");
        let worst = drain.worst.map_or("no link is loaded".to_owned(), |(arc, u)| {
            let before = drain.worst_now.map_or(0.0, |(_, b)| b);
            format!("worst link {:.0} % ({}), now {:.0} %", 100.0 * u, csr.arc_name(arc), 100.0 * before)
        });
        let pairs = match drain.cut_off.len() {
            0 => "no pair loses its path".to_owned(),
            1 => "1 pair loses its path".to_owned(),
            n => format!("{n} pairs lose their path"),
        };
        paragraph(
            out,
            &format!("{worst}; {pairs}; {:.1} % of the traffic moves.", 100.0 * drain.moved_share),
        );
    }

    fn doubt(&self, out: &mut String) {
        let Some((probe, other)) = &self.answer.probe else { return };
        let names = &self.findings.csr.node_names;
        title(out, "If this were wrong");
        paragraph(
            out,
            &format!(
                "Send {} packets from {} to {}: cause 1 loses {:.0} ± {:.0} of them; if {other}, {:.0} ± {:.0}.",
                probe.packets,
                names[probe.src.index()],
                names[probe.dst.index()],
                probe.if_first.0,
                probe.if_first.1,
                probe.if_other.0,
                probe.if_other.1
            ),
        );
    }

    fn not_modelled(&self, out: &mut String) {
        title(out, "Not modelled, assumed");
        for note in self.answer.fidelity.notes.iter().filter(|n| !n.code.starts_with("stale-metric")) {
            bullet(out, &note.note);
        }
    }

    fn truth(&self, out: &mut String) {
        title(out, "The truth");
        let world = self.world;
        let words = match world.fault {
            Fault::None => "nothing was wrong".to_owned(),
            Fault::Loss(arc, rate) => format!(
                "{} lost {:.2} % of its packets from minute {} on",
                self.findings.csr.arc_name(arc),
                100.0 * rate,
                world.onset_bin
            ),
            Fault::Down(_) => format!("{} went down in minute {}", self.answer.truth, world.onset_bin),
        };
        let a = self.answer;
        paragraph(
            out,
            &format!(
                "{words}. Rank {} here (p {:.3}), rank {} by the naive rule.",
                a.rank, a.probability, a.baseline_rank
            ),
        );
        let links = &self.findings.csr.link_names;
        paragraph(
            out,
            &format!(
                "What the twin had wrong: the metric of {} (it is {}) and the capacity of {} (it is {:.1} Gbit/s).",
                links[world.stale_metric.0.index()],
                world.stale_metric.1,
                links[world.wrong_capacity.0.index()],
                world.wrong_capacity.1.as_f64() / 1e9
            ),
        );
        if let Some((guess, place, p)) = &self.guess {
            paragraph(out, &format!("Your guess {guess}: rank {place}, probability {p:.3}."));
        }
        match &self.out {
            Some(path) => line(out, &format!("\nTables, demo.json and report.html: {path}")),
            None => line(out, "\nAdd --out DIR to keep the tables and report.html."),
        }
        line(out, &format!("Result digest {}", &self.digest[..16]));
    }
}

/// How many of the bad flows the first causes explain, in words.
fn explained(bad: usize, by_cause: &[usize]) -> String {
    if bad == 0 {
        return "No flow by itself loses clearly more than it used to: the signs add up.".to_owned();
    }
    let first = by_cause.first().copied().unwrap_or(0);
    let next = match by_cause.get(1) {
        Some(n) => format!(", the runner-up {n}"),
        None => "; no other cause is worth a mention".to_owned(),
    };
    format!("Removing cause 1 in the twin explains {first} of {bad} bad flows{next}.")
}

/// What the management system shows: question, answer, and whether an operator would take it for healthy.
pub(crate) fn management(world: &World, findings: &Findings) -> Vec<(String, String, bool)> {
    let csr = &findings.csr;
    let links = csr.link_count();
    let discards: u64 = world.discards.iter().sum();
    let missing = world.polls[world.history..].iter().flatten().filter(|r| r.is_nan()).count();
    let last = world.polls.last().map_or(&[][..], Vec::as_slice);
    let busiest = (0..csr.arc_count())
        .map(|i| (last[i] / csr.capacity[i].as_f64(), i))
        .filter(|(u, _)| u.is_finite())
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let busiest = busiest.map_or("no data".to_owned(), |(u, i)| {
        format!("{:.0} %, {}", 100.0 * u, csr.arc_name(twin::ArcId::new(i)))
    });
    vec![
        ("adjacencies up at last discovery".into(), format!("{links} of {links} (minute 0)"), true),
        ("alarms received".into(), "none".into(), true),
        ("interface errors".into(), "0".into(), true),
        ("output discards".into(), discards.to_string(), discards == 0),
        ("polls missing".into(), missing.to_string(), true),
        ("busiest interface".into(), busiest, true),
    ]
}

/// The residuals with the largest |z|, one per series.
pub(crate) fn largest(residuals: &[Residual], most: usize) -> Vec<&Residual> {
    let mut sorted: Vec<&Residual> = residuals.iter().filter(|r| r.z().is_finite()).collect();
    sorted.sort_by(|a, b| b.z().abs().total_cmp(&a.z().abs()).then(a.subject.cmp(&b.subject)));
    let mut seen = Vec::new();
    sorted.retain(|r| {
        let new = !seen.contains(&r.subject);
        if new && seen.len() < most {
            seen.push(r.subject);
        }
        new && seen.len() <= most
    });
    sorted.truncate(most);
    sorted
}

/// A residual's series in words, and its two values with their unit.
pub(crate) fn words(csr: &Csr, r: &Residual) -> (String, String, String) {
    let pair =
        |src: u32, dst: u32| format!("{} -> {}", csr.node_names[src as usize], csr.node_names[dst as usize]);
    match r.subject {
        Subject::ArcLoad { arc } => {
            let mbps = |x: f64| format!("{:.0} Mbit/s", x / 1e6);
            (format!("load {}", csr.arc_name(twin::ArcId(arc))), mbps(r.observed), mbps(r.shadow))
        }
        Subject::PairLoss { src, dst } => {
            let share = |x: f64| format!("{:.2} % lost", 100.0 * x);
            (format!("loss {}", pair(src, dst)), share(r.observed), share(r.shadow))
        }
        Subject::PairRtt { src, dst } => {
            let ms = |x: f64| format!("{x:.1} ms");
            (format!("rtt {}", pair(src, dst)), ms(r.observed), ms(r.shadow))
        }
    }
}

fn bar(p: f64, width: usize) -> String {
    let full = (p * width as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "·".repeat(width - full))
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

fn title(out: &mut String, text: &str) {
    let _ = write!(out, "\n{text}\n");
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn paragraph(out: &mut String, text: &str) {
    wrap(out, text, "  ", "  ", WIDTH);
}

fn bullet(out: &mut String, text: &str) {
    wrap(out, text, "  - ", "    ", WIDTH);
}

/// Minutes of the window in words, for pages.
pub(crate) fn minutes(world: &World) -> String {
    format!("{:.0} minutes", f64::from(world.flows.bins) * BIN_S / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_flows_are_counted_only_where_there_are_some() {
        assert!(explained(0, &[0, 0]).starts_with("No flow by itself"));
        let words = "Removing cause 1 in the twin explains 2 of 4 bad flows, the runner-up 0.";
        assert_eq!(explained(4, &[2, 0]), words);
        assert!(explained(4, &[2]).ends_with("no other cause is worth a mention."));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let mut out = String::new();
        paragraph(&mut out, &"packets are lost ".repeat(20));
        bullet(&mut out, &"and found again ".repeat(20));
        assert!(out.lines().all(|l| l.chars().count() <= WIDTH), "{out}");
        assert_eq!(bar(0.5, 4), "██··");
        assert_eq!(clip("a long name", 6), "a lon…");
    }
}
