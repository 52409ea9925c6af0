//! From readings at any instants to series in bins of one length.
//!
//! What a counter rose by between two readings is spread evenly over the time between them, so that bins need not begin when
//! somebody asks a router. Nothing is made up: a reset, and a pause of more than two bins, leave bins without a sample.

use std::collections::BTreeMap;

use twin::{Diagnostic, WallTime};

use super::interval::{Interval, intervals};
use super::{Direction, Interface, Quantity, Reading, Sample};

/// Readings further apart than so many bins say nothing about the bins between them.
const PAUSE_BINS: f64 = 2.0;
/// A bin of which a smaller share lies between readings has no sample.
const COVER_MIN: f64 = 0.5;

/// Bins of the clock that readings lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Number of the first bin since 1 January 1970.
    first: i64,
    /// How many there are.
    pub bins: usize,
    /// Length of a bin, in seconds.
    pub bin_s: u32,
}

impl Grid {
    /// The bins from the first to the last reading; `None` without readings. `bin_s` is at least 1.
    pub fn of(samples: &[Sample], bin_s: u32) -> Option<Self> {
        let bin = |s: &Sample| s.at.as_ns().div_euclid(nanoseconds(bin_s));
        let (first, last) = (samples.iter().map(bin).min()?, samples.iter().map(bin).max()?);
        Some(Self { first, bins: usize::try_from(last - first).ok()? + 1, bin_s })
    }

    /// When bin 0 begins.
    pub fn start(&self) -> WallTime {
        WallTime::from_ns(self.first * nanoseconds(self.bin_s))
    }

    /// Where an instant lies, in bins from the beginning of bin 0.
    fn place(&self, at: WallTime) -> f64 {
        at.as_ns().saturating_sub(self.start().as_ns()) as f64 / nanoseconds(self.bin_s) as f64
    }
}

fn nanoseconds(bin_s: u32) -> i64 {
    i64::from(bin_s.max(1)) * 1_000_000_000
}

/// One interface in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    /// Which interface; the latest of its descriptions.
    pub interface: Interface,
    /// In which direction.
    pub direction: Direction,
    grid: Grid,
    /// By bin: octets or packets that were counted, and the share of the bin that lies between readings.
    amount: Vec<f64>,
    cover: Vec<f64>,
}

impl Binned {
    /// The name of its series: `r1 eth0 out`.
    pub fn name(&self) -> String {
        name(&self.interface, self.direction)
    }

    /// Octets or packets per second, NaN where a sample is missing.
    pub fn rates(&self) -> Vec<f64> {
        let seconds = f64::from(self.grid.bin_s);
        let rate = |(amount, cover): (&f64, &f64)| match *cover >= COVER_MIN {
            true => amount / (cover * seconds),
            false => f64::NAN,
        };
        self.amount.iter().zip(&self.cover).map(rate).collect()
    }

    /// Whole packets by bin, `None` where a sample is missing. What a bin has no whole packet of, the next one gets.
    pub fn counts(&self) -> Vec<Option<u64>> {
        // Sums of shares of a whole number miss it by a rounding error.
        const NEARLY: f64 = 1e-6;
        let mut left = 0.0;
        let count = |(amount, cover): (&f64, &f64)| {
            left += amount;
            let whole = (left + NEARLY).floor();
            left -= whole;
            (*cover >= COVER_MIN).then_some(whole as u64)
        };
        self.amount.iter().zip(&self.cover).map(count).collect()
    }
}

fn name(interface: &Interface, direction: Direction) -> String {
    let way = match direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    format!("{interface} {way}")
}

/// Series of a quantity, by their names. Readings may come in any order; wraps, resets and pauses are counted.
pub fn binned(samples: Vec<Sample>, quantity: Quantity, grid: Grid) -> (Vec<Binned>, Vec<Diagnostic>) {
    let mut by_name: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for sample in samples.into_iter().filter(|s| s.quantity == quantity) {
        by_name.entry(name(&sample.interface, sample.direction)).or_default().push(sample);
    }
    let mut diagnostics = Vec::new();
    let series = by_name.into_iter().filter_map(|(name, mut samples)| {
        samples.sort_by_key(|s| s.at);
        let last = samples.last()?;
        let mut series = Binned {
            interface: last.interface.clone(),
            direction: last.direction,
            grid,
            amount: vec![0.0; grid.bins],
            cover: vec![0.0; grid.bins],
        };
        for interval in intervals(&name, &samples, &mut diagnostics) {
            series.spread(&name, &interval, &mut diagnostics);
        }
        series.take_rates(&samples);
        Some(series)
    });
    let series = series.collect();
    (series, diagnostics)
}

impl Binned {
    fn spread(&mut self, name: &str, interval: &Interval, diagnostics: &mut Vec<Diagnostic>) {
        let (from, to) = (self.grid.place(interval.from), self.grid.place(interval.to));
        if to - from > PAUSE_BINS {
            return Diagnostic::count(diagnostics, "counter-pause", || {
                format!("{name}: readings more than two bins apart; the bins between them have no sample")
            });
        }
        // A reading on the edge of a bin says nothing about the bin that begins there.
        for bin in from as usize..(to.ceil() as usize).min(self.amount.len()) {
            let share = to.min(bin as f64 + 1.0) - from.max(bin as f64);
            self.amount[bin] += interval.by * share / (to - from);
            self.cover[bin] += share;
        }
    }

    /// Readings that are rates stand for the bin that they lie in, by their mean.
    fn take_rates(&mut self, samples: &[Sample]) {
        let mut means: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for sample in samples {
            if let Reading::Rate(bps) = sample.reading {
                let (sum, count) = means.entry(self.grid.place(sample.at) as usize).or_default();
                (*sum, *count) = (*sum + bps, *count + 1.0);
            }
        }
        for (bin, (sum, count)) in means {
            self.amount[bin] = sum / count / 8.0 * f64::from(self.grid.bin_s);
            self.cover[bin] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u32 = 60;

    /// Readings `(seconds, value, uptime)` of octets that `r1 e` sends.
    fn readings(bits: u8, values: &[(i64, u64, Option<u64>)]) -> Vec<Sample> {
        let reading = |(at, value, uptime): &(i64, u64, Option<u64>)| Sample {
            interface: Interface { node: "r1".into(), name: Some("e".into()), ..Interface::default() },
            direction: Direction::Out,
            quantity: Quantity::Octets,
            at: WallTime::from_secs(*at),
            reading: Reading::Count { value: *value, bits },
            uptime: *uptime,
        };
        values.iter().map(reading).collect()
    }

    fn series(samples: Vec<Sample>) -> (Binned, Vec<(String, u64)>) {
        let grid = Grid::of(&samples, MINUTE).unwrap();
        let (mut series, diagnostics) = binned(samples, Quantity::Octets, grid);
        assert_eq!(series.len(), 1);
        (series.remove(0), diagnostics.into_iter().map(|d| (d.code, d.count)).collect())
    }

    fn rates(samples: Vec<Sample>) -> (String, Vec<(String, u64)>) {
        let (series, odd) = series(samples);
        let rates: Vec<String> = series.rates().iter().map(|r| format!("{r:.1}")).collect();
        (rates.join(" "), odd)
    }

    /// A reading a minute from `start` on, each `step` larger modulo 2^32, and from number `reset` on starting at 0 again.
    fn narrow(start: u64, step: u64, reset: usize) -> Vec<(i64, u64, Option<u64>)> {
        let value = |i: u64| if (i as usize) < reset { start + i * step } else { (i - reset as u64) * step };
        (0..8).map(|i| (60 * i as i64, value(i) % (1 << 32), None)).collect()
    }

    #[test]
    fn readings_need_not_lie_on_the_edges_of_bins() {
        // 10 octets a second, read at odd instants and in any order, are 10 octets a second in every bin that is covered.
        let at = [7, 50, 83, 200, 131, 170, 240, 299];
        let values: Vec<_> = at.map(|at| (at, 1_000 + 10 * at as u64, None)).to_vec();
        let (rates, odd) = rates(readings(64, &values));
        assert_eq!((rates.as_str(), odd), ("10.0 10.0 10.0 10.0 10.0", vec![]));
    }

    #[test]
    fn a_wrap_is_no_gap_and_a_reset_no_spike() {
        let near = (1 << 32) - 2_500;
        let (wrapped, odd) = rates(readings(32, &narrow(near, 600, 9)));
        assert_eq!(
            (wrapped.as_str(), odd),
            ("10.0 10.0 10.0 10.0 10.0 10.0 10.0 NaN", vec![("counter-wrap".into(), 1)])
        );
        // Set back from a value from which a wrap would be a rate a thousand times the usual one.
        let (reset, odd) = rates(readings(32, &narrow(3_000_000_000, 600, 4)));
        assert_eq!(
            (reset.as_str(), odd),
            ("10.0 10.0 10.0 NaN 10.0 10.0 10.0 NaN", vec![("counter-reset".into(), 1)])
        );
        let (reset, odd) = rates(readings(64, &narrow(5_000_000, 600, 4)));
        assert_eq!(
            (reset.as_str(), odd),
            ("10.0 10.0 10.0 NaN 10.0 10.0 10.0 NaN", vec![("counter-reset".into(), 1)])
        );
    }

    #[test]
    fn the_uptime_decides_where_it_is_told() {
        let uptime = |values: &[(i64, u64, Option<u64>)], restart: usize| {
            let up = |i: usize| if i < restart { 90_000 + 6_000 * i } else { 6_000 * (i - restart) };
            let all = values.iter().enumerate().map(|(i, (at, value, _))| (*at, *value, Some(up(i) as u64)));
            readings(32, &all.collect::<Vec<_>>())
        };
        // A rise to forty times the usual rate just as the counter wraps.
        let mut values = narrow((1 << 32) - 2_500, 600, 9);
        values[5..].iter_mut().for_each(|v| v.1 += 24_000);
        assert!(rates(readings(32, &values)).0.contains("NaN 10.0"));
        assert!(rates(uptime(&values, 9)).0.starts_with("10.0 10.0 10.0 10.0 410.0 10.0"));
        // A restart after which the counter was ahead of its old value at the next reading.
        let values: Vec<_> =
            (0..6).map(|i| (60 * i, if i < 3 { 600 } else { 1_000 + 600 * i as u64 }, None)).collect();
        let (rates, odd) = rates(uptime(&values, 3));
        assert_eq!((rates.as_str(), odd), ("0.0 0.0 NaN 10.0 10.0 NaN", vec![("counter-reset".into(), 1)]));
    }

    #[test]
    fn one_wrong_reading_costs_no_more_than_itself() {
        let mut values = narrow(5_000_000_000, 600, 9);
        values.truncate(6);
        let slip: Vec<_> =
            values.iter().enumerate().map(|(i, v)| if i == 3 { (v.0, 0, None) } else { *v }).collect();
        let (rates, odd) = rates(readings(64, &slip));
        assert_eq!((rates.as_str(), odd), ("10.0 10.0 10.0 10.0 10.0 NaN", vec![("counter-slip".into(), 1)]));
    }

    #[test]
    fn a_pause_is_missing_and_what_is_counted_comes_out_whole() {
        let values =
            [(0, 0, None), (60, 600, None), (300, 9_000, None), (360, 9_600, None), (420, 9_601, None)];
        let (series, odd) = series(readings(64, &values));
        assert_eq!(odd, [("counter-pause".to_owned(), 1)]);
        let counts: Vec<Option<u64>> = series.counts();
        assert_eq!(counts, [Some(600), None, None, None, None, Some(600), Some(1), None]);
        // Seven packets between readings at odd instants are seven packets.
        let values = [(25, 0, None), (125, 3, None), (199, 3, None), (230, 7, None)];
        let counts = self::series(readings(64, &values)).0.counts();
        assert_eq!(counts.into_iter().flatten().sum::<u64>(), 7);
    }

    #[test]
    fn a_span_that_no_clock_has_is_a_number_of_bins_and_not_their_memory() {
        let far = readings(64, &[(0, 0, None), (9_000_000_000, 1, None)]);
        let grid = Grid::of(&far, 1).unwrap();
        assert_eq!((grid.bins, grid.start()), (9_000_000_001, WallTime::from_secs(0)));
    }
}
