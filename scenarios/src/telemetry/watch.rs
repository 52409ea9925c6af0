//! All series of a recording, ready to be compared.

use twin::Diagnostic;

use super::average::LoadInterval;
use super::recording::{CounterSample, Nanos, Port, RateSample, Recording};
use super::series::{Step, between, period, steps};

/// Fewer packets than this in a step say nothing about a share of them.
pub const ENOUGH: f64 = 20.0;
/// Ports from which the load interval is learnt.
const TEACHERS: usize = 40;

/// A share over a span of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// When it begins.
    pub from: Nanos,
    /// When it ends.
    pub to: Nanos,
    /// The share.
    pub value: f64,
    /// Packets that it is a share of.
    pub of: f64,
}

/// The series of a port.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Packets received and sent; from rates where there are no counters.
    pub received: Vec<Step>,
    /// Sent.
    pub sent: Vec<Step>,
    /// Kilobits sent, by rates.
    pub sent_kbit: Vec<Step>,
    /// Changes of the carrier.
    pub carrier: Vec<Step>,
    /// Packets received with errors.
    pub errors: Vec<Step>,
    /// Packets dropped on arrival.
    pub input_drops: Vec<Step>,
    /// Packets dropped before they were sent.
    pub output_drops: Vec<Step>,
    /// The share of what was sent here that the other end did not receive.
    pub loss: Vec<Share>,
}

impl Watched {
    fn new(port: &Port, interval: LoadInterval, odd: &mut Vec<Diagnostic>) -> Self {
        let mut count = |of: fn(&CounterSample) -> Option<u64>| -> Vec<Step> {
            steps(port.counters.iter().filter_map(|s| Some((s.at, of(s)?))).collect(), odd)
        };
        let errors = count(|s| s.input_errors);
        let errors = if errors.is_empty() { count(|s| s.crc_errors) } else { errors };
        let (received, sent) = (count(|s| s.received), count(|s| s.sent));
        let rate = |of: fn(&RateSample) -> Option<f64>| -> Vec<Step> { interval.steps(reports(port, of)) };
        let or_rate = |counted: Vec<Step>, packets: fn(&RateSample) -> Option<f64>, data| {
            let by_packets = if counted.is_empty() { rate(packets) } else { counted };
            if by_packets.is_empty() { rate(data) } else { by_packets }
        };
        Self {
            carrier: count(|s| s.carrier),
            input_drops: count(|s| s.input_drops),
            output_drops: count(|s| s.output_drops),
            errors,
            received: or_rate(received, |s| s.packets_in, |s| s.data_in),
            sent: or_rate(sent, |s| s.packets_out, |s| s.data_out),
            sent_kbit: rate(|s| s.data_out),
            loss: Vec::new(),
        }
    }

    /// The usual time between samples, seconds.
    pub fn period(&self) -> Option<f64> {
        [&self.carrier, &self.received, &self.sent].into_iter().find_map(|s| period(s))
    }
}

fn reports(port: &Port, of: fn(&RateSample) -> Option<f64>) -> Vec<(Nanos, f64)> {
    port.rates.iter().filter_map(|s| Some((s.at, of(s)?))).collect()
}

/// A router.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its ports.
    pub ports: Vec<u32>,
    /// The share of what it took in that it did not put out.
    pub deficit: Vec<Share>,
    /// Seconds between its samples.
    pub period_s: f64,
}

/// All series of a recording.
#[derive(Clone, Debug)]
pub struct Watch<'a> {
    /// What was reported.
    pub recording: &'a Recording,
    /// By port.
    pub ports: Vec<Watched>,
    /// Routers by name.
    pub devices: Vec<Device>,
    /// The router of each port.
    pub device_of: Vec<u32>,
    /// How rates are averaged.
    pub interval: LoadInterval,
    /// Whether that was learnt from counters.
    pub learnt: bool,
    /// When the first and the last report came.
    pub span: (Nanos, Nanos),
    /// What could not be used.
    pub diagnostics: Vec<Diagnostic>,
}

/// Where a device has no two samples.
const DEFAULT_PERIOD_S: f64 = 10.0;

impl<'a> Watch<'a> {
    /// Prepares a recording.
    pub fn new(recording: &'a Recording) -> Self {
        let mut diagnostics = Vec::new();
        let learnt = learn(recording);
        let interval = learnt.unwrap_or_default();
        let mut ports: Vec<Watched> =
            recording.ports.iter().map(|p| Watched::new(p, interval, &mut diagnostics)).collect();
        for (i, port) in recording.ports.iter().enumerate() {
            let counted = |p: &Port| !p.counters.is_empty();
            let peer = port.peer.filter(|q| counted(port) && counted(&recording.ports[*q as usize]));
            let Some(peer) = peer else { continue };
            ports[i].loss = missing(&ports[i].sent, &ports[peer as usize].received);
        }
        let mut device_of = vec![0; ports.len()];
        let mut devices = Vec::new();
        for (name, own) in recording.devices() {
            own.iter().for_each(|p| device_of[*p as usize] = devices.len() as u32);
            devices.push(device(name, own, recording, &ports));
        }
        Self {
            span: span(recording),
            recording,
            ports,
            devices,
            device_of,
            interval,
            learnt: learnt.is_some(),
            diagnostics,
        }
    }
}

fn learn(recording: &Recording) -> Option<LoadInterval> {
    let both = recording.ports.iter().filter(|p| p.rates.len() > 2 && p.counters.len() > 2).take(TEACHERS);
    let series: Vec<_> = both
        .map(|p| {
            let mut reports = reports(p, |s| s.packets_in);
            reports.sort_by_key(|r| r.0);
            reports.dedup_by_key(|r| r.0);
            let counted = p.counters.iter().filter_map(|s| Some((s.at, s.received?))).collect();
            (reports, steps(counted, &mut Vec::new()))
        })
        .collect();
    LoadInterval::learn(series.iter().map(|(r, c)| (r.as_slice(), c.as_slice())))
}

/// The share of what one end sent that the other did not receive, over the steps of the latter.
fn missing(sent: &[Step], received: &[Step]) -> Vec<Share> {
    let share = |step: &Step| {
        let sent = between(sent, step.from, step.to).filter(|n| *n >= ENOUGH)?;
        Some(Share { from: step.from, to: step.to, value: 1.0 - step.amount / sent, of: sent })
    };
    received.iter().filter_map(share).collect()
}

fn device(name: &str, own: Vec<u32>, recording: &Recording, ports: &[Watched]) -> Device {
    let counted: Vec<&Watched> = own
        .iter()
        .filter(|p| {
            !recording.ports[**p as usize].counters.is_empty() && !is_bundle(&recording.ports[**p as usize])
        })
        .map(|p| &ports[*p as usize])
        .filter(|p| !p.received.is_empty() && !p.sent.is_empty())
        .collect();
    let grid = counted.first().map_or(&[][..], |p| &p.received);
    let share = |step: &Step| {
        let sum = |of: fn(&Watched) -> &[Step]| -> Option<f64> {
            counted.iter().map(|p| between(of(p), step.from, step.to)).sum()
        };
        let (taken, put) = (sum(|p| &p.received)?, sum(|p| &p.sent)?);
        (taken >= ENOUGH).then(|| Share {
            from: step.from,
            to: step.to,
            value: (taken - put) / taken,
            of: taken,
        })
    };
    let inner = grid.get(1..grid.len().saturating_sub(1)).unwrap_or(&[]);
    let deficit = inner.iter().filter_map(share).collect();
    let period_s = own.iter().find_map(|p| ports[*p as usize].period()).unwrap_or(DEFAULT_PERIOD_S);
    Device { name: name.to_owned(), ports: own, deficit, period_s }
}

/// A bundle counts again what its members count.
fn is_bundle(port: &Port) -> bool {
    let name = port.interface.to_lowercase();
    ["bundle", "port-channel", "ae", "lag", "bond"].iter().any(|b| {
        name.strip_prefix(b)
            .is_some_and(|rest| !rest.starts_with(['.', '/']) && rest.ends_with(|c: char| c.is_ascii_digit()))
    })
}

fn span(recording: &Recording) -> (Nanos, Nanos) {
    let stamps = recording.ports.iter().flat_map(|p| {
        let states = p.sessions.iter().flat_map(|s| s.states.iter().map(|s| s.0));
        p.rates.iter().map(|s| s.at).chain(p.counters.iter().map(|s| s.at)).chain(states)
    });
    stamps
        .fold(None, |span: Option<(Nanos, Nanos)>, t| {
            Some(span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))))
        })
        .unwrap_or((0, 0))
}
