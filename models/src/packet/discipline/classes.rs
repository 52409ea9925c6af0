//! The classes of an egress queue: strict ones first, then those that share.

use std::collections::VecDeque;

use twin::{BitsPerSec, Bytes, InputError, Place, SimDuration, SimTime};

use super::config::{ClassConfig, Scheduling};
use super::drr::{Drr, Head};
use super::meter::{Colour, Policer};
use super::red::{Red, Verdict};
use super::shared_buffer::{SharedBuffer, Tenant};
use super::tail_drop::TailDrop;
use super::token_bucket::TokenBucket;
use super::{Arrival, Refusal};
use crate::packet::queue_stats::{QueueStats, WaitHistogram};

/// What one class of a queue did; always kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Packets accepted.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of those, marked with congestion experienced.
    pub marks: u64,
    /// Packets sent (counted as their service begins).
    pub sent_packets: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Accepted packets that were lost as the link went down, before their service began.
    pub cleared: u64,
    /// Time spent sending (counted as service begins).
    pub busy: SimDuration,
    /// Sum over packets sent of the time before their service, in picoseconds.
    pub wait_sum_ps: u128,
    /// The longest of those.
    pub wait_max: SimDuration,
    /// How often they were how long.
    pub waits: WaitHistogram,
    refused: [u64; Refusal::COUNT],
}

impl ClassStats {
    /// Packets that were refused for one reason.
    pub fn refused(&self, why: Refusal) -> u64 {
        self.refused[why as usize]
    }

    /// Packets that were refused.
    pub fn drops(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// Mean time before service of packets sent, in seconds; NaN without any.
    pub fn wait_mean_s(&self) -> f64 {
        self.wait_sum_ps as f64 / self.sent_packets as f64 * 1e-12
    }
}

impl From<&ClassStats> for QueueStats {
    fn from(class: &ClassStats) -> Self {
        Self {
            packets: class.packets,
            bytes: class.bytes,
            drops: class.drops(),
            busy: class.busy,
            wait_sum_ps: class.wait_sum_ps,
            wait_max: class.wait_max,
        }
    }
}

/// A packet that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) item: T,
    pub(crate) size: Bytes,
    pub(crate) marked: bool,
    since: SimTime,
}

/// One class: its packets and what stands before and behind them.
#[derive(Clone, Debug)]
pub(crate) struct Class<T> {
    waiting: VecDeque<Waiting<T>>,
    /// Counts the packet in service too.
    room: TailDrop,
    red: Option<Red>,
    tenant: Option<Tenant>,
    policer: Option<Policer>,
    shaper: Option<TokenBucket>,
    stats: ClassStats,
}

impl<T: Copy> Class<T> {
    fn new(
        config: &ClassConfig,
        rate: BitsPerSec,
        shared: Option<&mut SharedBuffer>,
    ) -> Result<Self, InputError> {
        let tenant = match (config.share, shared) {
            (None, _) => None,
            (Some(share), Some(buffer)) => Some(buffer.join(share)?),
            (Some(_), None) => {
                let what = "a class with a share of a buffer that is not there";
                return Err(InputError::new("queue discipline", Place::Whole, what, "a shared buffer"));
            }
        };
        Ok(Self {
            waiting: VecDeque::new(),
            room: TailDrop::new(config.limit),
            red: config.red.map(|red| Red::new(red, rate)),
            tenant,
            policer: config.policer.map(Policer::new),
            shaper: config.shaper.map(TokenBucket::new),
            stats: ClassStats::default(),
        })
    }

    /// Takes a packet in, and says whether it is marked; or why it is not taken.
    pub(crate) fn admit(
        &mut self,
        now: SimTime,
        arrival: &Arrival<T>,
        shared: Option<&mut SharedBuffer>,
        luck: impl FnOnce() -> f64,
    ) -> Result<bool, Refusal> {
        let size = arrival.size;
        let colour = self.police(now, size, arrival.colour)?;
        let mark = self.detect(now, colour, arrival.ecn_capable, luck)?;
        if !self.room.admits(size) {
            return Err(Refusal::QueueFull);
        }
        if let Some(tenant) = self.tenant
            && !buffer_of(shared).take(tenant, size)
        {
            return Err(Refusal::BufferFull);
        }
        self.room.add(size);
        self.waiting.push_back(Waiting { item: arrival.item, size, marked: mark, since: now });
        self.stats.packets += 1;
        self.stats.bytes += size.get();
        self.stats.marks += u64::from(mark);
        Ok(mark)
    }

    fn police(&mut self, now: SimTime, size: Bytes, colour: Colour) -> Result<Colour, Refusal> {
        match &mut self.policer {
            None => Ok(colour),
            Some(policer) => policer.police(now, size, colour).ok_or(Refusal::Policed),
        }
    }

    fn detect(
        &mut self,
        now: SimTime,
        colour: Colour,
        ecn_capable: bool,
        luck: impl FnOnce() -> f64,
    ) -> Result<bool, Refusal> {
        let Some(red) = &mut self.red else { return Ok(false) };
        match red.judge(now, self.room.bytes(), colour, ecn_capable, luck) {
            Verdict::Pass => Ok(false),
            Verdict::Mark => Ok(true),
            Verdict::Drop => Err(Refusal::Early),
        }
    }

    pub(crate) fn refuse(&mut self, why: Refusal) {
        self.stats.refused[why as usize] += 1;
    }

    fn head(&mut self, now: SimTime) -> Option<Head> {
        let size = self.waiting.front()?.size;
        let ready = self.shaper.as_mut().map_or(now, |shaper| shaper.conforming_at(now, size));
        Some(Head { size, ready })
    }

    /// The packet at the head begins its service.
    fn begin(
        &mut self,
        now: SimTime,
        service: impl FnOnce(Bytes) -> SimDuration,
    ) -> (Waiting<T>, SimDuration) {
        let packet = self.waiting.pop_front().expect("a chosen class has a packet");
        let (wait, service) = (now.since(packet.since), service(packet.size));
        if let Some(shaper) = &mut self.shaper {
            shaper.take(packet.size);
        }
        self.stats.sent_packets += 1;
        self.stats.sent_bytes += packet.size.get();
        self.stats.busy = self.stats.busy + service;
        self.stats.wait_sum_ps += u128::from(wait.as_ps());
        self.stats.wait_max = self.stats.wait_max.max(wait);
        self.stats.waits.add(wait);
        (packet, service)
    }

    /// Room for a packet becomes free at `now`.
    fn release(&mut self, now: SimTime, size: Bytes, shared: Option<&mut SharedBuffer>) {
        self.room.remove(size);
        if let Some(tenant) = self.tenant {
            buffer_of(shared).give_back(tenant, size);
        }
        if let Some(red) = &mut self.red
            && self.room.packets() == 0
        {
            red.emptied(now);
        }
    }
}

fn buffer_of(shared: Option<&mut SharedBuffer>) -> &mut SharedBuffer {
    shared.expect("a queue with a share meets its buffer at every call")
}

/// All classes and whose turn it is.
#[derive(Clone, Debug)]
pub(crate) struct Classes<T> {
    classes: Vec<Class<T>>,
    /// So many of them, the first ones, are strict.
    strict: usize,
    drr: Drr,
}

impl<T: Copy> Classes<T> {
    pub(crate) fn new(
        configs: &[ClassConfig],
        rate: BitsPerSec,
        mut shared: Option<&mut SharedBuffer>,
    ) -> Result<Self, InputError> {
        let quantum = |config: &ClassConfig| match config.scheduling {
            Scheduling::Strict => Bytes::new(0),
            Scheduling::Shared { quantum } => quantum,
        };
        Ok(Self {
            classes: configs
                .iter()
                .map(|config| Class::new(config, rate, shared.as_deref_mut()))
                .collect::<Result<_, _>>()?,
            strict: configs.iter().filter(|c| c.scheduling == Scheduling::Strict).count(),
            drr: Drr::new(configs.iter().map(quantum).collect()),
        })
    }

    /// Takes a packet into its class; see [`Class::admit`].
    pub(crate) fn admit(
        &mut self,
        now: SimTime,
        class: usize,
        arrival: &Arrival<T>,
        shared: Option<&mut SharedBuffer>,
        luck: impl FnOnce() -> f64,
    ) -> Result<bool, Refusal> {
        let was_empty = self.classes[class].waiting.is_empty();
        let mark = self.classes[class].admit(now, arrival, shared, luck)?;
        if was_empty && class >= self.strict {
            self.drr.activate(class);
        }
        Ok(mark)
    }

    /// The class that sends next and the size of its packet; or the instant at which a shaper lets the first one go, if
    /// any waits.
    pub(crate) fn choose(&mut self, now: SimTime) -> Result<(usize, Bytes), Option<SimTime>> {
        let mut earliest: Option<SimTime> = None;
        let sooner = |a: Option<SimTime>, b: SimTime| Some(a.map_or(b, |a| a.min(b)));
        for class in 0..self.strict {
            match self.classes[class].head(now) {
                None => {}
                Some(head) if head.ready <= now => return Ok((class, head.size)),
                Some(head) => earliest = sooner(earliest, head.ready),
            }
        }
        let Self { classes, drr, .. } = self;
        match drr.choose(now, |class| classes[class].head(now).expect("an active class has packets")) {
            Ok(class) => Ok((class, classes[class].waiting[0].size)),
            Err(None) => Err(earliest),
            Err(Some(ready)) => Err(sooner(earliest, ready)),
        }
    }

    /// The chosen class sends.
    pub(crate) fn begin(
        &mut self,
        now: SimTime,
        class: usize,
        service: impl FnOnce(Bytes) -> SimDuration,
    ) -> (Waiting<T>, SimDuration) {
        let (packet, service) = self.classes[class].begin(now, service);
        if class >= self.strict {
            self.drr.sent(class, packet.size, self.classes[class].waiting.is_empty());
        }
        (packet, service)
    }

    pub(crate) fn release(
        &mut self,
        now: SimTime,
        class: usize,
        size: Bytes,
        shared: Option<&mut SharedBuffer>,
    ) {
        self.classes[class].release(now, size, shared);
    }

    /// Drops every packet that waits.
    pub(crate) fn clear(
        &mut self,
        now: SimTime,
        mut shared: Option<&mut SharedBuffer>,
        mut lost: impl FnMut(T),
    ) {
        for class in &mut self.classes {
            while let Some(packet) = class.waiting.pop_front() {
                class.release(now, packet.size, shared.as_deref_mut());
                class.stats.cleared += 1;
                lost(packet.item);
            }
        }
        self.drr.clear();
    }

    pub(crate) fn set_rate(&mut self, rate: BitsPerSec) {
        self.classes.iter_mut().filter_map(|c| c.red.as_mut()).for_each(|red| red.set_rate(rate));
    }

    pub(crate) fn refuse(&mut self, class: usize, why: Refusal) {
        self.classes[class].refuse(why);
    }

    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    pub(crate) fn stats(&self, class: usize) -> &ClassStats {
        &self.classes[class].stats
    }

    pub(crate) fn waiting(&self, class: usize) -> u64 {
        self.classes[class].waiting.len() as u64
    }

    pub(crate) fn held(&self, class: usize) -> Bytes {
        self.classes[class].room.bytes()
    }
}
