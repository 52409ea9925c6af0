//! What changed in an incident and what did not, port by port, and how often such a thing happens by chance.

use twin::stats::{log_poisson_tail, median};

use super::change::{Change, Kind, SHIFT, state_at, vanishes};
use super::recording::{Nanos, Session, seconds};
use super::series::Step;
use super::watch::{ENOUGH, Watch, Watched};

/// Changes that overlap in time.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The last sample without any of them.
    pub from: Nanos,
    /// The first sample with all of them.
    pub to: Nanos,
    /// The changes, by time.
    pub changes: Vec<Change>,
}

/// Something that could have changed.
#[derive(Clone, Debug)]
pub struct Sign {
    /// What.
    pub kind: Kind,
    /// The port; for a deficit the device.
    pub at: u32,
    /// Whether it changed.
    pub changed: bool,
    /// The probability that it changes by chance in so long a time.
    pub chance: f64,
    /// What was seen, in words.
    pub text: String,
    /// The change that says when.
    pub change: Option<Change>,
}

/// A state that changes without a cause: so much rarer than a link that fails.
const WITHOUT_CAUSE: f64 = 0.01;
/// Ports that flap all the time, before any of them was seen to.
const CHRONIC: f64 = 0.01;
/// A port that sends more than this share of its capacity is full.
const FULL: f64 = 0.8;
/// Steps that say what traffic was before.
const BEFORE: usize = 3;

/// Groups changes that overlap in time, or follow one another within a sample of their devices: what happens at one
/// instant is seen when the next sample comes.
pub fn incidents(watch: &Watch<'_>, changes: &[Change]) -> Vec<Incident> {
    let mut list: Vec<Incident> = Vec::new();
    for change in changes {
        let device =
            if change.kind == Kind::Deficit { change.at } else { watch.device_of[change.at as usize] };
        let slack = (watch.devices[device as usize].period_s * 1e9) as Nanos;
        match list.last_mut().filter(|i| change.from <= i.to + slack) {
            Some(incident) => {
                incident.to = incident.to.max(change.to);
                incident.changes.push(*change);
            }
            None => list.push(Incident { from: change.from, to: change.to, changes: vec![*change] }),
        }
    }
    list
}

/// How often what has no cause happens in the whole recording.
#[derive(Clone, Debug)]
pub struct Habits<'a> {
    watch: &'a Watch<'a>,
    changes: &'a [Change],
    /// A link fails, per hour.
    link_down_per_h: f64,
    /// Steps of all ports with traffic.
    flowing: f64,
}

impl<'a> Habits<'a> {
    /// Of a recording with its changes.
    pub fn new(watch: &'a Watch<'a>, changes: &'a [Change], link_down_per_h: f64) -> Self {
        let flowing = |p: &Watched| p.received.iter().filter(|s| s.amount >= ENOUGH).count();
        let flowing = watch.ports.iter().map(flowing).sum::<usize>() as f64;
        Self { watch, changes, link_down_per_h, flowing }
    }

    /// All signs of an incident. Series that have nothing to say are not among them.
    pub fn signs(&self, incident: &Incident) -> Vec<Sign> {
        let mut list = Vec::new();
        for (at, port) in (0u32..).zip(&self.watch.ports) {
            list.extend(self.carrier(at, port, incident));
            for (index, session) in self.watch.recording.ports[at as usize].sessions.iter().enumerate() {
                list.extend(self.session(at, index, session, incident));
            }
            list.extend(self.traffic(at, port, incident));
            list.extend(self.count(Kind::Errors, at, &port.errors, incident));
            list.extend(self.count(Kind::OutputDrops, at, &port.output_drops, incident));
            list.extend(self.full(at, port, incident));
            list.extend(self.share(Kind::LinkLoss, at, !port.loss.is_empty(), incident));
        }
        for (at, device) in (0u32..).zip(&self.watch.devices) {
            list.extend(self.share(Kind::Deficit, at, !device.deficit.is_empty(), incident));
        }
        list
    }

    fn sign(&self, incident: &Incident, kind: Kind, at: u32, chance: f64, text: String) -> Sign {
        let change = incident.changes.iter().find(|c| c.kind == kind && c.at == at).copied();
        Sign { kind, at, changed: change.is_some(), chance: chance.clamp(1e-12, 0.99), text, change }
    }

    fn name(&self, at: u32) -> String {
        self.watch.recording.ports[at as usize].name()
    }

    fn quiet(&self, incident: &Incident) -> f64 {
        self.link_down_per_h * WITHOUT_CAUSE * seconds(incident.from, incident.to) / 3600.0
    }

    fn carrier(&self, at: u32, port: &Watched, incident: &Incident) -> Option<Sign> {
        let (inside, outside) = split(&port.carrier, incident);
        let span = inside.first().zip(inside.last()).map(|(a, b)| seconds(a.from, b.to))?;
        let transitions = inside.iter().map(|s| s.amount).sum::<f64>();
        // A carrier that went has also come, or will.
        let habit = libm::floor(outside.iter().map(|s| s.amount).sum::<f64>() / 2.0);
        let time = outside.iter().map(|s| s.length()).sum::<f64>().max(span);
        let chronic = if habit > 0.0 { 1.0 } else { CHRONIC };
        let chance = 1.0 - libm::exp(-self.quiet(incident) - chronic * (habit + 0.5) / time * span);
        let many = if transitions == 1.0 { "" } else { "s" };
        let text = format!("carrier of {}: {transitions} transition{many}", self.name(at));
        let sign = self.sign(incident, Kind::Carrier, at, chance, text);
        Some(Sign { changed: transitions > 0.0, ..sign })
    }

    fn session(&self, at: u32, index: usize, session: &Session, incident: &Incident) -> Option<Sign> {
        let before = state_at(session, incident.from);
        let kind = if before? { Kind::SessionDown } else { Kind::SessionUp };
        let gone = vanishes(self.watch, at, session);
        if before == Some(true) && gone.is_some_and(|g| g.1 < incident.from) {
            return None;
        }
        let mine = |c: &&Change| c.kind == kind && c.at == at && c.session == index;
        let change = incident.changes.iter().find(mine).copied();
        let silent = change.is_some_and(|c| gone == Some((c.from, c.to)));
        // That a session is taken out of service is no failure of its link.
        let chance = if silent { self.quiet(incident) / WITHOUT_CAUSE } else { self.quiet(incident) };
        let what = match (kind, change.is_some()) {
            (Kind::SessionDown, true) if silent => "is no longer reported",
            (Kind::SessionDown, true) => "went down",
            (Kind::SessionDown, false) => "stayed up",
            (_, true) => "came up",
            (_, false) => "stayed down",
        };
        let text = format!("BFD of {} to {} {what}", self.name(at), session.destination);
        let chance = chance.clamp(1e-12, 0.99);
        Some(Sign { kind, at, changed: change.is_some(), chance, text, change })
    }

    /// Changes of this kind on other links: in the whole recording, and in this incident.
    fn elsewhere(&self, kind: Kind, at: u32, incident: &Incident) -> (f64, f64) {
        let peer = self.watch.recording.ports.get(at as usize).and_then(|p| p.peer);
        let count = |list: &[Change]| {
            list.iter().filter(|c| c.kind == kind && c.at != at && Some(c.at) != peer).count() as f64
        };
        (count(self.changes), count(&incident.changes))
    }

    fn traffic(&self, at: u32, port: &Watched, incident: &Incident) -> Option<Sign> {
        let steps = &port.received;
        let first = steps.partition_point(|s| s.to <= incident.from);
        let past = steps.get(first.saturating_sub(BEFORE)..first).filter(|p| !p.is_empty())?;
        // The step in which it happens, and at least one more.
        let rest = steps.get(first + 1..)?;
        let after = rest.iter().find(|s| s.from >= incident.to).or(rest.first())?;
        let usual = median(past.iter().map(Step::rate));
        let kind = if usual * after.length() >= ENOUGH { Kind::TrafficStops } else { Kind::TrafficStarts };
        let (ever, now) = self.elsewhere(kind, at, incident);
        let ports = self.watch.ports.iter().filter(|p| !p.received.is_empty()).count() as f64;
        // If others stop as well, that is because of what they carry.
        let together = if now > 0.0 { (now + 0.5) / (ports + 1.0) } else { 0.0 };
        // This port at other times.
        let own = self
            .changes
            .iter()
            .filter(|c| c.kind == kind && c.at == at && (c.to < incident.from || c.from > incident.to));
        let time = steps.iter().map(Step::length).sum::<f64>().max(after.length());
        let habit = own.count() as f64 * 2.0 * after.length() / time;
        let chance = (2.0 * (ever + 0.5) / (self.flowing + 1.0)).max(together).max(habit);
        let sign = self.sign(incident, kind, at, chance, String::new());
        let what = match (kind, sign.changed) {
            (Kind::TrafficStops, true) => "stopped",
            (Kind::TrafficStops, false) => "went on",
            (_, true) => "started",
            (_, false) => return None,
        };
        let text = format!(
            "traffic into {} {what}: {usual:.0} a second before, {:.0} after",
            self.name(at),
            after.rate()
        );
        Some(Sign { text, ..sign })
    }

    fn count(&self, kind: Kind, at: u32, steps: &[Step], incident: &Incident) -> Option<Sign> {
        let (inside, outside) = split(steps, incident);
        let span = inside.first().zip(inside.last()).map(|(a, b)| seconds(a.from, b.to))?;
        let sum = |steps: &[&Step]| steps.iter().map(|s| s.amount).sum::<f64>();
        let time = outside.iter().map(|s| s.length()).sum::<f64>().max(span);
        let expected = (sum(&outside) + 0.5) / time * span;
        let seen = sum(&inside);
        let bursts = outside.iter().filter(|s| s.amount > 0.0).count() as f64 + 0.5;
        let poisson = libm::exp(log_poisson_tail((seen as u64).max(1), expected));
        // What comes in bursts is not Poisson.
        let chance = if bursts > 1.0 { poisson.max(bursts / (outside.len() + 1) as f64) } else { poisson };
        let what = if kind == Kind::Errors {
            "packets with errors into"
        } else {
            "packets dropped before they left"
        };
        let text = format!("{what} {}: {seen}", self.name(at));
        let sign = self.sign(incident, kind, at, chance, text);
        Some(Sign { changed: seen > 0.0, ..sign })
    }

    fn full(&self, at: u32, port: &Watched, incident: &Incident) -> Option<Sign> {
        let capacity = self.watch.recording.ports[at as usize].capacity()?;
        let (inside, outside) = split(&port.sent_kbit, incident);
        let share = |s: &&Step| s.rate() * 1e3 / capacity;
        let most = inside.iter().map(share).fold(f64::NAN, f64::max);
        let often = outside.iter().filter(|s| share(s) > FULL).count() as f64;
        let chance = (often + 0.5) / (outside.len() + 1) as f64;
        let text = format!("{} sent {:.0} % of what it can", self.name(at), most * 100.0);
        let sign = self.sign(incident, Kind::Full, at, chance, text);
        (!most.is_nan()).then_some(Sign { changed: most > FULL, ..sign })
    }

    fn share(&self, kind: Kind, at: u32, is_known: bool, incident: &Incident) -> Option<Sign> {
        let (ever, _) = self.elsewhere(kind, at, incident);
        let mut sign = self.sign(incident, kind, at, 0.0, String::new());
        let (_, lasting, least, _) = SHIFT;
        let sigmas = sign.change.map_or(least, |c| c.sigmas);
        sign.chance = (libm::pow(tail(sigmas), lasting as f64) * (ever + 1.0)).clamp(1e-12, 0.99);
        let amount = sign.change.map_or(0.0, |c| c.amount) * 100.0;
        let text = match kind {
            Kind::Deficit => {
                let name = &self.watch.devices[at as usize].name;
                format!("{name} put out {amount:.2} % less than it took in")
            }
            _ => {
                let peer = self.watch.recording.ports[at as usize].peer?;
                format!("{} received {amount:.2} % less than {} sent", self.name(peer), self.name(at))
            }
        };
        is_known.then_some(Sign { text, ..sign })
    }
}

/// At most how often a value is so many robust standard deviations above the median: the tail of Student's t with four degrees
/// of freedom, whose density is below 12·t⁻⁵. Balances of counters have heavy tails, as stamps are not exact.
fn tail(sigmas: f64) -> f64 {
    (3.0 / libm::pow(sigmas, 4.0)).min(1.0)
}

/// The steps that overlap an incident, and the others.
fn split<'s>(steps: &'s [Step], incident: &Incident) -> (Vec<&'s Step>, Vec<&'s Step>) {
    steps.iter().partition(|s| s.from < incident.to && s.to > incident.from)
}
