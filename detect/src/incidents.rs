//! From flags to alarms, and from alarms to incidents: one incident for one cause.

use crate::Verdict;

/// A run of flagged bins of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarm {
    /// Number of the series.
    pub series: usize,
    /// First flagged bin.
    pub first: usize,
    /// Last flagged bin.
    pub last: usize,
    /// The flagged bin with the highest score, the first of equals.
    pub peak: usize,
    /// Its score.
    pub score: f64,
}

/// Alarms that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Positions of its alarms, by first bin, then by series.
    pub alarms: Vec<usize>,
    /// Position of the alarm that the others may follow from.
    pub cause: usize,
}

/// The alarms of each series in turn: flags with at most `merge` unflagged bins between them are one.
pub fn alarms(scores: &[Vec<f64>], flags: &[Vec<bool>], merge: usize) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for (series, (scores, flags)) in scores.iter().zip(flags).enumerate() {
        let flagged: Vec<usize> = (0..flags.len()).filter(|bin| flags[*bin]).collect();
        for run in flagged.chunk_by(|a, b| b - a <= merge + 1) {
            let mut peak = run[0];
            for bin in run {
                // A flag without a score is weaker than any score.
                if scores[*bin] > scores[peak] || scores[peak].is_nan() {
                    peak = *bin;
                }
            }
            let (first, last) = (run[0], run[run.len() - 1]);
            alarms.push(Alarm { series, first, last, peak, score: scores[peak] });
        }
    }
    alarms
}

/// Groups alarms: two are of one incident if they begin within `near` bins of one another on `related` series, or if others
/// join them so. The cause is the alarm that `is_outage` (the first of several), else the first one, of those that begin
/// together the one with the highest score.
///
/// Alarms that only overlap are not joined: a level that has shifted for days would take in all that comes after.
pub fn incidents(
    alarms: &[Alarm],
    near: usize,
    related: impl Fn(usize, usize) -> bool,
    is_outage: impl Fn(&Alarm) -> bool,
) -> Vec<Incident> {
    let mut order: Vec<usize> = (0..alarms.len()).collect();
    order.sort_by_key(|i| (alarms[*i].first, alarms[*i].series));
    let mut parent: Vec<usize> = (0..alarms.len()).collect();
    for (at, &i) in order.iter().enumerate() {
        for &j in order[..at].iter().rev() {
            if alarms[i].first - alarms[j].first > near {
                break;
            }
            let (a, b) = (alarms[i].series, alarms[j].series);
            if a == b || related(a, b) {
                let (i, j) = (root(&mut parent, i), root(&mut parent, j));
                parent[i] = j;
            }
        }
    }
    let mut incidents: Vec<Incident> = Vec::new();
    let mut number = vec![usize::MAX; alarms.len()];
    for &i in &order {
        let root = root(&mut parent, i);
        if number[root] == usize::MAX {
            number[root] = incidents.len();
            incidents.push(Incident { alarms: Vec::new(), cause: i });
        }
        incidents[number[root]].alarms.push(i);
    }
    for incident in &mut incidents {
        incident.cause = cause(alarms, &incident.alarms, &is_outage);
    }
    incidents
}

fn cause(alarms: &[Alarm], members: &[usize], is_outage: impl Fn(&Alarm) -> bool) -> usize {
    if let Some(outage) = members.iter().find(|i| is_outage(&alarms[**i])) {
        return *outage;
    }
    let first = alarms[members[0]].first;
    let together = members.iter().copied().take_while(|i| alarms[*i].first == first);
    together.reduce(|a, b| if alarms[b].score > alarms[a].score { b } else { a }).unwrap_or(members[0])
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

/// Whether a value is next to nothing where much was expected: a tenth of it, and far beyond the usual spread.
pub fn is_outage(observed: f64, verdict: &Verdict) -> bool {
    let Verdict { expected, sigma, .. } = *verdict;
    expected > 3.0 * sigma && observed.abs() <= 0.1 * expected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(series: usize, first: usize, score: f64) -> Alarm {
        Alarm { series, first, last: first + 3, peak: first, score }
    }

    #[test]
    fn flags_with_short_gaps_are_one_alarm_with_its_strongest_bin() {
        let mut flags = vec![vec![false; 40]; 2];
        [3, 4, 9, 20].iter().for_each(|bin| flags[0][*bin] = true);
        flags[1][0] = true;
        let mut scores = vec![(0..40).map(|i| f64::from(i % 10)).collect::<Vec<_>>(); 2];
        scores[1][0] = f64::NAN;
        let found = alarms(&scores, &flags, 4);
        let spans: Vec<_> = found.iter().map(|a| (a.series, a.first, a.last, a.peak)).collect();
        assert_eq!(spans, [(0, 3, 9, 9), (0, 20, 20, 20), (1, 0, 0, 0)]);
        assert_eq!((found[0].score, found[2].score.is_nan()), (9.0, true));
    }

    #[test]
    fn neighbours_that_begin_together_are_one_incident() {
        // Series 0–1–2 are a line, 3 stands apart.
        let related = |a: usize, b: usize| a.max(b) < 3 && a.abs_diff(b) == 1;
        let all =
            [alarm(0, 10, 1.0), alarm(2, 14, 2.0), alarm(1, 12, 3.0), alarm(3, 12, 4.0), alarm(1, 40, 5.0)];
        let found = incidents(&all, 6, related, |_| false);
        let members: Vec<_> = found.iter().map(|i| (i.alarms.clone(), i.cause)).collect();
        assert_eq!(members, [(vec![0, 2, 1], 0), (vec![3], 3), (vec![4], 4)]);
        let apart = incidents(&all, 1, related, |_| false);
        assert_eq!(apart.len(), 5);
    }

    #[test]
    fn an_outage_is_the_cause_and_of_equals_the_strongest() {
        let all = [alarm(0, 10, 9.0), alarm(1, 10, 1.0), alarm(2, 11, 5.0)];
        let causes =
            |outage: Option<usize>| incidents(&all, 6, |_, _| true, |a| Some(a.series) == outage)[0].cause;
        assert_eq!((causes(None), causes(Some(2))), (0, 2));
        let verdict = Verdict { expected: 100.0, sigma: 5.0, ..Verdict::NONE };
        assert!(is_outage(3.0, &verdict) && !is_outage(60.0, &verdict));
        assert!(!is_outage(0.0, &Verdict { expected: 1.0, ..verdict }), "next to nothing was expected");
        assert!(!is_outage(0.0, &Verdict::NONE));
    }
}
