//! Policers: meters that colour a stream by its rate, after RFC 2697 and RFC 2698.

use twin::{Bytes, SimTime};

use super::token_bucket::{BucketConfig, Level, TokenBucket};

/// How far a packet is out of profile, from best to worst; also a drop precedence (RFC 2597 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colour {
    /// In profile.
    #[default]
    Green,
    /// Beyond the committed burst.
    Yellow,
    /// Beyond everything.
    Red,
}

/// The buckets of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterRates {
    /// One rate, two bursts (srTCM, RFC 2697). The excess bucket is filled by what the committed one cannot hold.
    SingleRate {
        /// Committed information rate and committed burst size.
        committed: BucketConfig,
        /// Excess burst size; zero makes a policer of two colours.
        excess: Bytes,
    },
    /// Two rates with a burst each (trTCM, RFC 2698).
    TwoRate {
        /// Committed information rate and burst size.
        committed: BucketConfig,
        /// Peak information rate and burst size.
        peak: BucketConfig,
    },
}

/// What happens to coloured packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicerAction {
    /// Red ones are dropped.
    DropRed,
    /// Yellow and red ones are dropped.
    DropYellow,
    /// All go on with their colour, to be told apart by WRED.
    Colour,
}

/// A policer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicerConfig {
    /// What it allows.
    pub rates: MeterRates,
    /// Whether a packet can only keep the colour that it comes with or become worse (the colour-aware mode of both RFCs),
    /// instead of being coloured anew.
    pub colour_aware: bool,
    /// What it does.
    pub action: PolicerAction,
}

/// A policer at work. Its arithmetic is that of [`TokenBucket`]: exact.
///
/// The RFCs count tokens of one byte; here they come continuously, which is their limit for fine tokens, and the same
/// wherever packets come at instants of whole tokens.
#[derive(Clone, Debug)]
pub struct Policer {
    config: PolicerConfig,
    buckets: Buckets,
}

#[derive(Clone, Debug)]
enum Buckets {
    Single { committed: TokenBucket, excess: Level },
    Two { committed: TokenBucket, peak: TokenBucket },
}

impl Policer {
    /// A policer with full buckets at time zero.
    pub fn new(config: PolicerConfig) -> Self {
        let buckets = match config.rates {
            MeterRates::SingleRate { committed, excess } => {
                Buckets::Single { committed: TokenBucket::new(committed), excess: Level::full(excess) }
            }
            MeterRates::TwoRate { committed, peak } => {
                Buckets::Two { committed: TokenBucket::new(committed), peak: TokenBucket::new(peak) }
            }
        };
        Self { config, buckets }
    }

    /// Meters a packet and gives its colour, or `None` if it is dropped. Instants must not go back.
    pub fn police(&mut self, now: SimTime, size: Bytes, colour: Colour) -> Option<Colour> {
        let before = if self.config.colour_aware { colour } else { Colour::Green };
        let colour = self.buckets.meter(now, size, before);
        let dropped = match self.config.action {
            PolicerAction::DropRed => colour == Colour::Red,
            PolicerAction::DropYellow => colour >= Colour::Yellow,
            PolicerAction::Colour => false,
        };
        (!dropped).then_some(colour)
    }
}

impl Buckets {
    fn meter(&mut self, now: SimTime, size: Bytes, before: Colour) -> Colour {
        match self {
            // RFC 2697 §3.
            Self::Single { committed, excess } => {
                let spilt = committed.fill(now);
                excess.pour(spilt);
                if before == Colour::Green && committed.holds(size) {
                    committed.take(size);
                    Colour::Green
                } else if before <= Colour::Yellow && excess.holds(size) {
                    excess.take(size);
                    Colour::Yellow
                } else {
                    Colour::Red
                }
            }
            // RFC 2698 §3.
            Self::Two { committed, peak } => {
                committed.fill(now);
                peak.fill(now);
                if before == Colour::Red || !peak.holds(size) {
                    return Colour::Red;
                }
                peak.take(size);
                if before == Colour::Yellow || !committed.holds(size) {
                    return Colour::Yellow;
                }
                committed.take(size);
                Colour::Green
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twin::BitsPerSec;

    /// A byte each microsecond.
    const TICK_PS: u64 = 1_000_000;

    fn bucket(rate: u64, burst: u64) -> BucketConfig {
        BucketConfig { rate: BitsPerSec::mbps(8 * rate), burst: Bytes::new(burst) }
    }

    fn policer(rates: MeterRates, colour_aware: bool) -> Policer {
        Policer::new(PolicerConfig { rates, colour_aware, action: PolicerAction::Colour })
    }

    /// RFC 2697 §3 to the letter, token by token.
    fn slow_single(tokens: &mut [u64; 2], bursts: [u64; 2], ticks: u64, size: u64, before: Colour) -> Colour {
        for _ in 0..ticks {
            if tokens[0] < bursts[0] {
                tokens[0] += 1;
            } else if tokens[1] < bursts[1] {
                tokens[1] += 1;
            }
        }
        let [green, yellow] = [tokens[0] >= size, tokens[1] >= size];
        match before {
            Colour::Green if green => {
                tokens[0] -= size;
                Colour::Green
            }
            Colour::Green | Colour::Yellow if yellow => {
                tokens[1] -= size;
                Colour::Yellow
            }
            _ => Colour::Red,
        }
    }

    /// RFC 2698 §3 to the letter; `rates` and `tokens` are committed and peak.
    fn slow_two(
        tokens: &mut [u64; 2],
        rates: [u64; 2],
        bursts: [u64; 2],
        ticks: u64,
        size: u64,
        before: Colour,
    ) -> Colour {
        for i in 0..2 {
            tokens[i] = (tokens[i] + ticks * rates[i]).min(bursts[i]);
        }
        if before == Colour::Red || tokens[1] < size {
            Colour::Red
        } else if before == Colour::Yellow || tokens[0] < size {
            tokens[1] -= size;
            Colour::Yellow
        } else {
            tokens[0] -= size;
            tokens[1] -= size;
            Colour::Green
        }
    }

    fn colour(n: u8) -> Colour {
        [Colour::Green, Colour::Yellow, Colour::Red][usize::from(n)]
    }

    proptest! {
        #[test]
        fn one_rate_agrees_with_counting_tokens(
            arrivals in prop::collection::vec((0u64..2_500, 1u64..1_600, 0u8..3), 1..80),
            bursts in prop::array::uniform2(0u64..4_000),
            aware in any::<bool>(),
        ) {
            let rates = MeterRates::SingleRate { committed: bucket(1, bursts[0]), excess: Bytes::new(bursts[1]) };
            let (mut policer, mut tokens, mut tick) = (policer(rates, aware), bursts, 0);
            for (gap, size, n) in arrivals {
                tick += gap;
                let before = if aware { colour(n) } else { Colour::Green };
                let expected = slow_single(&mut tokens, bursts, gap, size, before);
                let got = policer.police(SimTime::from_ps(tick * TICK_PS), Bytes::new(size), colour(n));
                prop_assert_eq!(got, Some(expected));
            }
        }

        #[test]
        fn two_rates_agree_with_counting_tokens(
            arrivals in prop::collection::vec((0u64..1_000, 1u64..1_600, 0u8..3), 1..80),
            bursts in prop::array::uniform2(1u64..4_000),
            rates in prop::array::uniform2(1u64..4),
            aware in any::<bool>(),
        ) {
            let rates = [rates[0].min(rates[1]), rates[0].max(rates[1])];
            let both = MeterRates::TwoRate {
                committed: bucket(rates[0], bursts[0]),
                peak: bucket(rates[1], bursts[1]),
            };
            let (mut policer, mut tokens, mut tick) = (policer(both, aware), bursts, 0);
            for (gap, size, n) in arrivals {
                tick += gap;
                let before = if aware { colour(n) } else { Colour::Green };
                let expected = slow_two(&mut tokens, rates, bursts, gap, size, before);
                let got = policer.police(SimTime::from_ps(tick * TICK_PS), Bytes::new(size), colour(n));
                prop_assert_eq!(got, Some(expected));
            }
        }
    }

    #[test]
    fn actions_drop_what_they_name() {
        let rates = MeterRates::SingleRate { committed: bucket(1, 100), excess: Bytes::new(100) };
        let mut fates = Vec::new();
        for action in [PolicerAction::DropRed, PolicerAction::DropYellow, PolicerAction::Colour] {
            let mut policer = Policer::new(PolicerConfig { rates, colour_aware: false, action });
            fates.push([0; 3].map(|_| policer.police(SimTime::ZERO, Bytes::new(100), Colour::Green)));
        }
        let (green, yellow, red) = (Some(Colour::Green), Some(Colour::Yellow), Some(Colour::Red));
        assert_eq!(fates, [[green, yellow, None], [green, None, None], [green, yellow, red]]);
    }
}
