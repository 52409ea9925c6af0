//! Which measured matrices stand for a window of time.

use twin::{DemandSeries, WallTime};

const DAY_NS: i64 = 86_400_000_000_000;
const WEEK_NS: i64 = 7 * DAY_NS;

/// The instant of a bin.
pub(crate) fn instant(series: &DemandSeries, bin: usize) -> WallTime {
    WallTime::from_ns(series.start.as_ns() + step_ns(series) * bin as i64)
}

fn step_ns(series: &DemandSeries) -> i64 {
    (series.step.as_ps() / 1_000) as i64
}

/// The bins in a window, its ends included; where the series does not reach into it, those at the same time of the week,
/// or of the day where the series is shorter than a week. A window of a week or more, or of a day or more, is all of it.
pub(crate) fn bins(series: &DemandSeries, from: WallTime, until: WallTime) -> Vec<usize> {
    let step = step_ns(series);
    // A bin stands for the time from its stamp to the next.
    let inside = |bin: &usize, shift: i64| {
        let start = instant(series, *bin).as_ns() + shift;
        start <= until.as_ns() && start + step > from.as_ns()
    };
    let all = 0..series.bins.len();
    let exact: Vec<_> = all.clone().filter(|b| inside(b, 0)).collect();
    if !exact.is_empty() {
        return exact;
    }
    let period = if step * series.bins.len() as i64 >= WEEK_NS { WEEK_NS } else { DAY_NS };
    all.filter(|bin| {
        // The last repetition that starts before the window ends.
        let start = instant(series, *bin).as_ns();
        let shift = (until.as_ns() - start).div_euclid(period) * period;
        inside(bin, shift)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::instant::parse;
    use twin::SimDuration;

    #[test]
    fn a_window_is_measured_or_taken_from_the_same_time_of_another_day() {
        let hour = SimDuration::secs(3_600);
        let start = parse("2004-03-01").unwrap(); // a Monday
        let series =
            |days: usize| DemandSeries { start, step: hour, pairs: Vec::new(), bins: vec![None; 24 * days] };
        let of =
            |days, from: &str, until: &str| bins(&series(days), parse(from).unwrap(), parse(until).unwrap());
        assert_eq!(of(3, "2004-03-02T02:00", "2004-03-02T04:00"), [26, 27, 28]);
        assert_eq!(of(3, "2004-03-02T02:30", "2004-03-02T02:45"), [26]);
        // Another month: each day's hours in a short series, that weekday's in a long one.
        assert_eq!(of(2, "2004-06-01T23:10", "2004-06-02T00:20"), [0, 23, 24, 47]);
        assert_eq!(of(10, "2004-06-01T02:00", "2004-06-01T02:00"), [26, 26 + 7 * 24]); // a Tuesday
        assert_eq!(of(2, "2004-06-01", "2004-07-01").len(), 48);
    }
}
