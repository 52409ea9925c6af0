//! What an egress queue is made of.

use twin::{Bytes, InputError, Place};

use super::dscp::DscpMap;
use super::meter::{MeterRates, PolicerConfig};
use super::mtu::Mtu;
use super::red::RedConfig;
use super::shared_buffer::Share;
use super::tail_drop::Limit;
use super::token_bucket::BucketConfig;

/// The most classes of a queue: there are not more codepoints.
const CLASSES_MAX: usize = 64;

/// An egress queue with classes.
///
/// ```
/// use twin::Bytes;
/// use umbra_models::packet::discipline::{ClassConfig, DisciplineConfig, DscpMap, Limit};
///
/// let room = Limit::Bytes(Bytes::new(150_000));
/// let mut queue = DisciplineConfig::of_classes(vec![
///     ClassConfig::strict(room),
///     ClassConfig::strict(room),
///     ClassConfig::shared(Bytes::new(6_000), room),
///     ClassConfig::shared(Bytes::new(3_000), room),
/// ]);
/// queue.dscp = DscpMap::aggregates();
/// assert!(queue.validate().is_ok());
///
/// queue.classes.swap(1, 2);
/// assert!(queue.validate().unwrap_err().to_string().contains("class 2 is strict"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DisciplineConfig {
    /// In order of precedence: strict ones first, then those that share what they leave. 1–64.
    pub classes: Vec<ClassConfig>,
    /// The class of each codepoint; all in the last one by default.
    pub dscp: DscpMap,
    /// Shapes all classes together; none by default.
    pub shaper: Option<BucketConfig>,
    /// The largest packet; none by default.
    pub mtu: Option<Mtu>,
}

/// How a class gets its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// Whenever no class before it has packets; what is being sent is not interrupted.
    Strict,
    /// By deficit round robin with this quantum, among the others of its kind. A quantum of at least the largest packet
    /// makes choosing cheap; twice the quantum is twice the share.
    Shared {
        /// Bytes for each turn.
        quantum: Bytes,
    },
}

/// One class of an egress queue. A packet that comes is policed, then meets random early detection, the limit, and the
/// shared buffer, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassConfig {
    /// How it gets its turn.
    pub scheduling: Scheduling,
    /// How much it holds.
    pub limit: Limit,
    /// Random early detection.
    pub red: Option<RedConfig>,
    /// Its part of a buffer that it shares with other queues of the device.
    pub share: Option<Share>,
    /// What may come in.
    pub policer: Option<PolicerConfig>,
    /// What may go out.
    pub shaper: Option<BucketConfig>,
}

impl ClassConfig {
    /// A drop-tail class with strict priority over all after it.
    pub fn strict(limit: Limit) -> Self {
        Self { scheduling: Scheduling::Strict, limit, red: None, share: None, policer: None, shaper: None }
    }

    /// A drop-tail class that shares by bytes.
    pub fn shared(quantum: Bytes, limit: Limit) -> Self {
        Self { scheduling: Scheduling::Shared { quantum }, ..Self::strict(limit) }
    }
}

impl DisciplineConfig {
    /// Classes without shaper and MTU, all codepoints in the last one.
    pub fn of_classes(classes: Vec<ClassConfig>) -> Self {
        let last = classes.len().clamp(1, CLASSES_MAX) as u8 - 1;
        Self { classes, dscp: DscpMap::all(last), shaper: None, mtu: None }
    }

    /// A single queue with a limit.
    pub fn drop_tail(limit: Limit) -> Self {
        Self::of_classes(vec![ClassConfig::strict(limit)])
    }

    /// Whether a queue can be made of it.
    ///
    /// # Errors
    /// Names the class, counted from 0, and what is wrong with it.
    pub fn validate(&self) -> Result<(), InputError> {
        let count = self.classes.len();
        if count == 0 || count > CLASSES_MAX {
            return Err(error(format!("{count} classes"), "1 to 64 classes"));
        }
        if usize::from(self.dscp.last_class()) >= count {
            let what = format!("a codepoint of class {}", self.dscp.last_class());
            return Err(error(what, &format!("classes 0 to {}", count - 1)));
        }
        if self.mtu.is_some_and(|mtu| mtu.largest().get() == 0) {
            return Err(error("an MTU of 0 bytes".to_owned(), "at least 1 byte"));
        }
        if let Some(shaper) = self.shaper {
            shaper_fits(shaper, "the shaper")?;
        }
        self.classes.iter().enumerate().try_for_each(|(class, config)| {
            let first = class == 0 || self.classes[class - 1].scheduling == Scheduling::Strict;
            if config.scheduling == Scheduling::Strict && !first {
                let what = format!("class {class} is strict after one that shares");
                return Err(error(what, "strict classes before all others"));
            }
            config.validate(class)
        })
    }
}

impl ClassConfig {
    fn validate(&self, class: usize) -> Result<(), InputError> {
        if matches!(self.scheduling, Scheduling::Shared { quantum } if quantum.get() == 0) {
            return Err(error(format!("class {class} has a quantum of 0 bytes"), "at least 1 byte"));
        }
        if matches!(self.limit, Limit::Packets(0)) || self.limit == Limit::Bytes(Bytes::new(0)) {
            return Err(error(format!("class {class} has no room"), "at least 1 byte or packet"));
        }
        if let Some(red) = self.red {
            red.validate().map_err(|e| error(format!("class {class}: {}", e.what), &e.expected))?;
        }
        if let Some(shaper) = self.shaper {
            shaper_fits(shaper, &format!("the shaper of class {class}"))?;
        }
        match self.policer.map(|p| p.rates) {
            // RFC 2697 §2 and RFC 2698 §2 demand as much.
            Some(MeterRates::SingleRate { committed, excess }) if committed.burst.max(excess).get() == 0 => {
                let what = format!("the policer of class {class} has two bursts of 0 bytes");
                Err(error(what, "one of them above 0"))
            }
            Some(MeterRates::TwoRate { committed, peak }) if committed.rate > peak.rate => {
                let what = format!("the policer of class {class} commits to more than its peak rate");
                Err(error(what, "a committed rate up to the peak rate"))
            }
            Some(MeterRates::TwoRate { committed, peak }) if committed.burst.min(peak.burst).get() == 0 => {
                Err(error(format!("the policer of class {class} has a burst of 0 bytes"), "bursts above 0"))
            }
            _ => Ok(()),
        }
    }
}

fn shaper_fits(shaper: BucketConfig, whose: &str) -> Result<(), InputError> {
    if shaper.burst.get() == 0 {
        return Err(error(format!("{whose} has a burst of 0 bytes"), "at least 1 byte"));
    }
    Ok(())
}

fn error(what: String, expected: &str) -> InputError {
    InputError::new("queue discipline", Place::Whole, what, expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::discipline::PolicerAction;
    use twin::BitsPerSec;

    const ROOM: Limit = Limit::Packets(10);

    fn bucket(mbps: u64, burst: u64) -> BucketConfig {
        BucketConfig { rate: BitsPerSec::mbps(mbps), burst: Bytes::new(burst) }
    }

    fn with(change: impl FnOnce(&mut DisciplineConfig)) -> String {
        let mut config = DisciplineConfig::of_classes(vec![
            ClassConfig::strict(ROOM),
            ClassConfig::shared(Bytes::new(1_500), ROOM),
        ]);
        assert!(config.validate().is_ok());
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    fn policed(rates: MeterRates) -> String {
        let policer = PolicerConfig { rates, colour_aware: false, action: PolicerAction::DropRed };
        with(|c| c.classes[1].policer = Some(policer))
    }

    #[test]
    fn each_mistake_is_named() {
        let zero = Bytes::new(0);
        let errors = [
            with(|c| c.classes.clear()),
            with(|c| c.dscp = DscpMap::aggregates()),
            with(|c| c.mtu = Some(Mtu::new(zero))),
            with(|c| c.shaper = Some(bucket(1, 0))),
            with(|c| c.classes.swap(0, 1)),
            with(|c| c.classes[1] = ClassConfig::shared(zero, ROOM)),
            with(|c| c.classes[0].limit = Limit::Bytes(zero)),
            with(|c| c.classes[0].shaper = Some(bucket(1, 0))),
            with(|c| c.classes[0].red = Some(RedConfig { weight: 2.0, ..RedConfig::floyd(Bytes::new(1)) })),
            policed(MeterRates::SingleRate { committed: bucket(1, 0), excess: zero }),
            policed(MeterRates::TwoRate { committed: bucket(2, 1), peak: bucket(1, 1) }),
            policed(MeterRates::TwoRate { committed: bucket(1, 0), peak: bucket(1, 1) }),
        ];
        let errors = errors.map(|e| e.trim_start_matches("queue discipline: ").to_owned());
        expect_test::expect![[r#"
            0 classes; expected 1 to 64 classes
            a codepoint of class 3; expected classes 0 to 1
            an MTU of 0 bytes; expected at least 1 byte
            the shaper has a burst of 0 bytes; expected at least 1 byte
            class 1 is strict after one that shares; expected strict classes before all others
            class 1 has a quantum of 0 bytes; expected at least 1 byte
            class 0 has no room; expected at least 1 byte or packet
            the shaper of class 0 has a burst of 0 bytes; expected at least 1 byte
            class 0: weight 2; expected a weight above 0 and up to 1
            the policer of class 1 has two bursts of 0 bytes; expected one of them above 0
            the policer of class 1 commits to more than its peak rate; expected a committed rate up to the peak rate
            the policer of class 1 has a burst of 0 bytes; expected bursts above 0"#]].assert_eq(&errors.join("\n"));
    }
}
