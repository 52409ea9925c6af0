//! Incidents with known causes in made-up telemetry: other names, periods and shapes than any recording.

use engine::{Purpose, Seeds, Stream};
use models::failure::FailureModel;
use rand::RngExt;
use twin::EntityKey;
use umbra_scenarios::fabric::verdict::What;
use umbra_scenarios::telemetry::average::LoadInterval;
use umbra_scenarios::telemetry::classes::Class;
use umbra_scenarios::telemetry::recording::{CounterSample, RateSample, Recording, Session};
use umbra_scenarios::telemetry::verdict::{Answer, judge, of_number};
use umbra_scenarios::telemetry::watch::Watch;

const SECOND: i64 = 1_000_000_000;
/// The recording begins here.
const START: i64 = 1_700_000_000 * SECOND;
/// Something happens so long after that.
const ONSET_S: f64 = 613.0;
const LENGTH_S: f64 = 1_200.0;

/// What happens.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// The link of these two routers goes down.
    Link(usize, usize),
    /// Its BFD sessions alone.
    Bfd(usize, usize),
    /// This share of what the first sends to the second is lost.
    Loss(usize, usize, f64),
    /// A router swallows this share of what it forwards.
    Hole(usize, f64),
    /// All links of a router go down.
    Router(usize),
    /// All traffic stops.
    Silence,
}

/// What is reported, and how often.
#[derive(Clone, Copy)]
struct Reports {
    period_s: f64,
    counters: bool,
    rates: bool,
    bfd: bool,
}

const ALL: Reports = Reports { period_s: 30.0, counters: true, rates: true, bfd: true };
const ROUTERS: usize = 5;

fn name(router: usize) -> String {
    format!("core{router}.pop")
}

fn interface(to: usize) -> String {
    format!("xe-0/0/{to}")
}

/// A full mesh in which each router forwards all that it takes in.
fn recording(fault: Fault, reports: Reports) -> Recording {
    let mut recording = Recording::default();
    for a in 0..ROUTERS {
        for b in (0..ROUTERS).filter(|b| *b != a) {
            let near = recording.port(&name(a), &interface(b));
            let far = recording.port(&name(b), &interface(a));
            recording.connect(near, far);
        }
    }
    for a in 0..ROUTERS {
        let mut stream =
            Seeds::new(7).trial(0).stream(Purpose::SENSOR, &EntityKey::new(format!("samples:{a}")));
        let phase = stream.random_range(0.0..reports.period_s);
        for b in (0..ROUTERS).filter(|b| *b != a) {
            report(&mut recording, fault, reports, (a, b), phase, &mut stream);
        }
    }
    recording
}

/// Packets from `a` to `b` until `t`, sent and received.
fn until(fault: Fault, a: usize, b: usize, t: f64) -> (f64, f64) {
    // Every port sends as much as it receives; the tide is the same for all, so that no router holds anything back.
    let pace = 2_000.0 + 500.0 * ((a + b) % 3) as f64;
    let flowed = |t: f64| pace * (t + 60.0 * libm::sin(t / 200.0));
    let (before, after) = (flowed(t.min(ONSET_S)), flowed(t) - flowed(t.min(ONSET_S)));
    let (sent, arrived) = match fault {
        Fault::Link(x, y) if (a, b) == (x, y) || (b, a) == (x, y) => (0.0, 0.0),
        Fault::Router(x) if a == x || b == x => (0.0, 0.0),
        Fault::Silence => (0.0, 0.0),
        Fault::Loss(x, y, share) if (a, b) == (x, y) => (1.0, 1.0 - share),
        Fault::Hole(x, share) if a == x => (1.0 - share, 1.0 - share),
        _ => (1.0, 1.0),
    };
    (before + sent * after, before + arrived * after)
}

fn report(
    recording: &mut Recording,
    fault: Fault,
    reports: Reports,
    (a, b): (usize, usize),
    phase: f64,
    stream: &mut Stream,
) {
    let port = recording.port(&name(a), &interface(b)) as usize;
    let is_down = |t: f64| {
        let hit = match fault {
            Fault::Link(x, y) => (a, b) == (x, y) || (b, a) == (x, y),
            Fault::Router(x) => a == x || b == x,
            _ => false,
        };
        hit && t >= ONSET_S
    };
    let bfd_is_down = |t: f64| {
        let hit = matches!(fault, Fault::Bfd(x, y) if (a, b) == (x, y) || (b, a) == (x, y));
        is_down(t) || hit && t >= ONSET_S
    };
    let mut session = Session { destination: "192.0.2.1".into(), states: Vec::new() };
    let (mut rate_in, mut last) = (until(fault, b, a, 1.0).1, (0.0, 0.0));
    let mut t = phase;
    while t < LENGTH_S {
        let at = START + (t * SECOND as f64) as i64;
        let (sent, received) = (until(fault, a, b, t).0, until(fault, b, a, t).1);
        if t > phase {
            rate_in =
                LoadInterval::default().predict(rate_in, (received - last.1) / (t - last.0), t - last.0);
        }
        last = (t, received);
        if reports.counters {
            let carrier = Some(3 + u64::from(is_down(t)));
            // 32-bit counters that wrap.
            let count = |n: f64| Some((n as u64 + 4_290_000_000) % (1 << 32));
            let (sent, received) = (count(sent), count(received));
            let quiet = CounterSample {
                at,
                input_errors: Some(7),
                output_drops: Some(0),
                ..CounterSample::default()
            };
            recording.ports[port].counters.push(CounterSample { received, sent, carrier, ..quiet });
        }
        if reports.rates {
            recording.ports[port].rates.push(RateSample {
                at,
                packets_in: Some(rate_in),
                ..RateSample::default()
            });
        }
        session.states.push((at, !bfd_is_down(t)));
        t += reports.period_s + stream.random_range(-0.2..0.2);
    }
    if reports.bfd {
        recording.ports[port].sessions.push(session);
    }
}

fn model() -> FailureModel {
    FailureModel::preset("wan-cenic").unwrap()
}

/// The first causes of the incidents: class, router, port.
fn first(recording: &Recording) -> Vec<(Class, String, String, f64)> {
    let watch = Watch::new(recording);
    let of = |answer: &Answer| {
        let cause = &answer.verdict.causes[0];
        let What::Listed(number) = cause.what else { panic!("{:?}", answer.verdict.causes) };
        let (class, at) = of_number(&watch, number).unwrap();
        let (device, port) = match class {
            Class::Device | Class::BlackHole => (watch.devices[at as usize].name.clone(), String::new()),
            _ => {
                (recording.ports[at as usize].device.clone(), recording.ports[at as usize].interface.clone())
            }
        };
        let sum: f64 = cause.ledger.items.iter().map(|i| i.log_bayes).sum();
        assert!((sum - cause.ledger.log_bayes).abs() < 1e-9);
        if let Some((at, from, to)) = cause.onset {
            let truth = START + (ONSET_S * SECOND as f64) as i64;
            assert!(
                (from..=to).contains(&at) && from <= truth && truth <= to,
                "{class:?}: {from} {truth} {to}"
            );
        }
        (class, device, port, cause.probability)
    };
    judge(&watch, &model(), &[]).iter().map(of).collect()
}

fn check(fault: Fault, reports: Reports, class: Class, router: usize, port: &str) {
    let found = first(&recording(fault, reports));
    let names: Vec<_> = found.iter().map(|f| (f.0, f.1.clone(), f.2.clone())).collect();
    assert_eq!(names, [(class, name(router), port.to_owned())], "{found:?}");
}

#[test]
fn a_link_that_goes_down_is_named_by_whatever_is_reported() {
    for period_s in [5.0, 30.0, 60.0] {
        check(Fault::Link(1, 3), Reports { period_s, ..ALL }, Class::LinkDown, 1, "xe-0/0/3");
    }
    check(Fault::Link(1, 3), Reports { bfd: false, ..ALL }, Class::LinkDown, 1, "xe-0/0/3");
    check(Fault::Link(1, 3), Reports { rates: false, ..ALL }, Class::LinkDown, 1, "xe-0/0/3");
    check(Fault::Link(1, 3), Reports { counters: false, ..ALL }, Class::LinkDown, 1, "xe-0/0/3");
}

#[test]
fn sessions_losses_holes_and_routers_are_told_apart() {
    check(Fault::Bfd(0, 4), ALL, Class::BfdDown, 0, "xe-0/0/4");
    check(Fault::Loss(2, 1, 0.05), ALL, Class::LinkLoss, 2, "xe-0/0/1");
    check(Fault::Hole(3, 0.1), ALL, Class::BlackHole, 3, "");
    check(Fault::Router(2), ALL, Class::Device, 2, "");
}

#[test]
fn tides_and_silence_of_all_traffic_are_no_incident() {
    assert_eq!(first(&recording(Fault::Nothing, ALL)), []);
    assert_eq!(first(&recording(Fault::Silence, ALL)), []);
}

#[test]
fn a_class_that_is_left_out_leaves_the_unknown_and_the_sum_of_sets_is_a_probability() {
    let recording = recording(Fault::Link(1, 3), ALL);
    let watch = Watch::new(&recording);
    let without =
        [Class::LinkDown, Class::LinkUp, Class::LinkFlap, Class::BfdDown, Class::BfdUp, Class::Device];
    let answers = judge(&watch, &model(), &without);
    let unknown = answers[0].verdict.causes.iter().find(|c| c.what == What::Unknown).unwrap();
    assert!(unknown.probability > 0.5, "{:?}", answers[0].verdict.causes);
    for answer in judge(&watch, &model(), &[]) {
        let sum: f64 = answer.verdict.sets.iter().map(|s| s.1).sum();
        assert!((0.99..=1.0 + 1e-9).contains(&sum), "{sum}");
        assert!(answer.verdict.p_value > 0.01);
    }
}

#[test]
fn damaged_recordings_are_no_incident_and_no_panic() {
    let mut recording = recording(Fault::Nothing, ALL);
    // Counters that were reset, samples out of order, a port without samples, one with a single one.
    for sample in recording.ports[0].counters.iter_mut().skip(20) {
        sample.received = sample.received.map(|n| n % 1_000_000);
    }
    recording.ports[1].counters.reverse();
    recording.ports[2].counters.clear();
    recording.ports[3].counters.truncate(1);
    recording.ports[4].sessions[0].states.truncate(1);
    let watch = Watch::new(&recording);
    assert!(watch.diagnostics.iter().any(|d| d.code == "counter-reset"));
    let causes: Vec<_> = judge(&watch, &model(), &[]).into_iter().map(|a| a.verdict.causes).collect();
    // A session that is reported no longer is the only news.
    assert!(causes.len() <= 1, "{causes:?}");
    assert!(judge(&Watch::new(&Recording::default()), &model(), &[]).is_empty());
}
