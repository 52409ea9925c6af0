//! Writes a page with invented numbers: a half-link of Abilene that silently loses packets.
//!
//! `cargo run -p umbra-report --example page_sample > report.html`

use twin::Fidelity;
use umbra_report::page::*;

/// Name, longitude, latitude (SNDlib, network `abilene`).
const NODES: [(&str, f64, f64); 12] = [
    ("ATLAM5", -84.3833, 33.75),
    ("ATLAng", -85.5, 34.5),
    ("CHINng", -87.6167, 41.8333),
    ("DNVRng", -105.0, 40.75),
    ("HSTNng", -95.5174, 29.77),
    ("IPLSng", -86.1595, 39.7806),
    ("KSCYng", -96.5967, 38.9617),
    ("LOSAng", -118.25, 34.05),
    ("NYCMng", -73.9667, 40.7833),
    ("SNVAng", -122.0255, 37.3858),
    ("STTLng", -122.3, 47.6),
    ("WASHng", -77.0268, 38.8973),
];

/// Ends, and the utilisation of either direction.
const LINKS: [(usize, usize, f64, f64); 15] = [
    (1, 0, 0.04, 0.06),
    (4, 1, 0.31, 0.22),
    (5, 1, 0.37, 0.43),
    (11, 1, 0.58, 0.49),
    (5, 2, 0.66, 0.71),
    (8, 2, 0.52, 0.47),
    (6, 3, 0.34, 0.38),
    (9, 3, 0.27, 0.21),
    (10, 3, 0.19, 0.16),
    (6, 4, 0.12, 0.08),
    (7, 4, 0.28, 0.24),
    (6, 5, 0.55, 0.83),
    (9, 7, 0.23, 0.17),
    (11, 8, 0.45, 0.62),
    (10, 9, 0.09, 0.13),
];

const BINS: usize = 100;
const ONSET: usize = 62;
/// The half-link NYCMng → CHINng.
const FAULT: (usize, bool) = (5, true);

/// Numbers that look like noise, between −1 and 1, the same on every machine.
fn noise(series: usize, bin: usize) -> f64 {
    let hash = twin::stable_hash(&[&series.to_le_bytes(), &bin.to_le_bytes()]);
    hash as f64 / u64::MAX as f64 * 2.0 - 1.0
}

fn map() -> Map {
    let half = |load: f64, k: usize| HalfLink {
        capacity: 10e9,
        observed: load * 10e9,
        shadow: load * 10e9 * (1.0 + 0.02 * noise(k, 0)),
        ..HalfLink::default()
    };
    let links = LINKS.iter().enumerate().map(|(k, &(a, b, forward, backward))| MapLink {
        a,
        b,
        forward: half(forward, 2 * k),
        backward: half(backward, 2 * k + 1),
    });
    let nodes = NODES.map(|(name, lon, lat)| MapNode { name: name.into(), place: Some((lon, lat)) });
    Map {
        nodes: nodes.into(),
        links: links.collect(),
        loads: "mean output rate, last 25 min".into(),
        red_from: 0.8,
        full: 0.0,
    }
}

/// Pairs that cross the broken half-link, and how much they lose.
const PAIRS: [(&str, f64); 9] = [
    ("loss NYCMng → CHINng", 0.011),
    ("loss NYCMng → KSCYng", 0.011),
    ("loss NYCMng → DNVRng", 0.0105),
    ("loss NYCMng → STTLng", 0.0115),
    ("loss NYCMng → IPLSng", 0.0108),
    ("loss WASHng → CHINng", 0.0056),
    ("loss NYCMng → SNVAng", 0.0112),
    ("loss WASHng → DNVRng", 0.0023),
    ("loss NYCMng → LOSAng", 0.0052),
];

fn loss(series: usize, more: f64) -> Comparison {
    let shadow: Vec<f64> = (0..BINS).map(|b| 0.0008 + 0.0002 * noise(series + 40, b)).collect();
    let observed = |b: usize| {
        let extra = if b >= ONSET { more * (1.0 + 0.3 * noise(series, b)) } else { 0.0 };
        (shadow[b] + extra + 0.0006 * noise(series + 80, b)).max(0.0)
    };
    let observed = (0..BINS).map(observed).collect();
    Comparison {
        label: PAIRS[series].0.into(),
        unit: Unit::Share,
        observed,
        shadow,
        sigma: vec![0.0006; BINS],
    }
}

fn load(label: &str, series: usize, mean: f64) -> Comparison {
    let wave = |b: usize| mean * (1.0 + 0.12 * (b as f64 / 16.0).sin());
    Comparison {
        label: label.into(),
        unit: Unit::BitsPerSec,
        observed: (0..BINS)
            .map(|b| wave(b) * (1.0 + 0.03 * noise(series, b) - if b >= ONSET { 0.008 } else { 0.0 }))
            .collect(),
        shadow: (0..BINS).map(wave).collect(),
        sigma: (0..BINS).map(|b| wave(b) * 0.02).collect(),
    }
}

fn z(c: &Comparison) -> Vec<f64> {
    (0..BINS).map(|b| (c.observed[b] - c.shadow[b]) / c.sigma[b]).collect()
}

fn evidence(entries: &[(&str, &str, f64)]) -> Vec<Evidence> {
    entries
        .iter()
        .map(|&(source, item, log_bayes)| Evidence { source: source.into(), item: item.into(), log_bayes })
        .collect()
}

fn causes() -> Vec<Cause> {
    let link_loss = |a: &str, b: &str, place, probability, std_error| Cause {
        class: "link_loss".into(),
        a: a.into(),
        b: Some(b.into()),
        place: Some(place),
        probability,
        std_error,
        ..Cause::default()
    };
    let plain = |class: &str, probability, log_bayes| Cause {
        class: class.into(),
        probability,
        std_error: probability / 10.0,
        log_bayes,
        ..Cause::default()
    };
    vec![
        Cause {
            severity: Some(Interval { value: 0.011, lo: 0.008, hi: 0.014 }),
            explains: Some((37, 37)),
            log_bayes: 212.9,
            evidence: evidence(&[
                ("flow records", "NYCMng → CHINng lost 118 of 10,240 packets; the shadow expects 9", 61.4),
                ("flow records", "NYCMng → KSCYng lost 96 of 8,704 packets; the shadow expects 7", 49.8),
                ("flow records", "NYCMng → DNVRng lost 71 of 6,656 packets; the shadow expects 6", 35.6),
                ("flow records", "28 pairs that avoid the link lose no more than the shadow", 71.3),
                ("flow records", "WASHng → DNVRng lost 14 of 6,144 packets; this cause expects 21", -1.7),
                ("round trips", "no pair across the link is slower than its shadow", 4.1),
                (
                    "interface counters",
                    "0 errors and 0 discards on NYCMng, where a dirty fibre would often count some",
                    -0.9,
                ),
                ("interface counters", "input of CHINng is 0.9 % below output of NYCMng", 2.2),
                ("prior", "a packet loss on one of 30 half-links", -8.9),
            ]),
            ..link_loss("NYCMng", "CHINng", CausePlace::HalfLink(5, FAULT.1), 0.968, 0.011)
        },
        Cause {
            severity: Some(Interval { value: 0.004, lo: 0.001, hi: 0.007 }),
            explains: Some((21, 37)),
            log_bayes: 3.6,
            evidence: evidence(&[
                ("flow records", "21 of the 37 abnormal pairs cross it", 12.5),
                ("prior", "a packet loss on one of 30 half-links", -8.9),
            ]),
            ..link_loss("CHINng", "IPLSng", CausePlace::HalfLink(4, false), 0.041, 0.008)
        },
        plain("unknown", 0.018, 0.0),
        Cause {
            a: "CHINng".into(),
            place: Some(CausePlace::Node(2)),
            explains: Some((37, 37)),
            evidence: evidence(&[
                ("flow records", "all abnormal pairs cross it", 201.0),
                ("flow records", "12 pairs cross it and lose nothing", -204.7),
                ("prior", "one of 12 devices", -9.6),
            ]),
            ..plain("device", 0.012, -13.3)
        },
        plain("none", 0.0, 0.0),
    ]
}

/// The sample.
fn sample() -> Page {
    let mut top: Vec<Comparison> = (0..7).map(|s| loss(s, PAIRS[s].1)).collect();
    top.push(load("load NYCMng → CHINng", 70, 5.2e9));
    let strips = (0..PAIRS.len()).map(|s| Strip { label: PAIRS[s].0.into(), z: z(&loss(s, PAIRS[s].1)) });
    let residuals = top.iter().take(6).enumerate().map(|(k, c)| {
        let bin = ONSET + 3 * k;
        let (label, unit) = (c.label.clone(), c.unit);
        Deviation { label, unit, bin, observed: c.observed[bin], shadow: c.shadow[bin], sigma: c.sigma[bin] }
    });
    let mut not_modelled = Fidelity::default();
    not_modelled.note("open-loop", "Senders do not slow down when they lose packets.", Some(132));
    not_modelled.note(
        "static-routing",
        "Routes are the shortest paths of the snapshot and do not change.",
        None,
    );
    let reading = |what: &str, value: &str| Reading { what: what.into(), value: value.into(), healthy: true };
    Page {
        title: "Abilene".into(),
        subtitle: "100 min of counters, flow records and alarms; invented numbers".into(),
        management: vec![
            reading("Adjacencies up", "15 of 15"),
            reading("Interface errors", "0"),
            reading("Output discards", "0"),
            reading("Alarms", "0"),
            reading("Busiest link", "83 %"),
        ],
        map: map(),
        axis: Axis {
            bins: BINS,
            bin_s: 60.0,
            judged_from: 40,
            onset: Some(Interval { value: ONSET as f64, lo: 61.2, hi: 62.9 }),
        },
        residuals: residuals.collect(),
        top,
        timeline: strips.collect(),
        causes: causes(),
        drain: Some(Drain {
            element: "NYCMng – CHINng".into(),
            busiest: Some(("IPLSng → KSCYng".into(), 0.83, 0.83)),
            cut_off: vec![],
            moved: 0.142,
        }),
        probe: Some(Probe {
            action: "Send 2,000 packets of 1,400 B from NYCMng to CHINng and back, pinned to this link."
                .into(),
            if_right: "16 to 28 are lost on the way there, none on the way back".into(),
            if_wrong: "at most 3 are lost; then look at CHINng → IPLSng".into(),
        }),
        not_modelled,
        reproduce: Reproduce {
            command: "umbra demo --fault loss --net abilene --seed 7 --out result".into(),
            seed: 7,
            version: env!("CARGO_PKG_VERSION").into(),
            trials: 4_096,
            digests: vec![
                ("network".into(), "5f1c9a0e7d3b42aa".into()),
                ("input".into(), "c07be2916f08d415".into()),
                ("result".into(), "90ad33c1be72f6e8".into()),
            ],
        },
    }
}

fn main() {
    print!("{}", sample().render());
}
