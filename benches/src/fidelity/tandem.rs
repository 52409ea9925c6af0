//! Queues in series: independent if services are drawn anew at each (Jackson 1957), and not if packets keep their size
//! (Boxma 1979).

use engine::{Purpose, Trial};
use models::packet::Fifo;
use testkit::topology;
use twin::{ArcId, Bytes, Csr, EntityKey, Layer, SimDuration, SimTime};

use super::queueing::{EXPONENTIAL, network, packets, poisson_packets, send, wait};
use super::{Check, Estimate, Scale};

/// Row 5.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let mut checks = Vec::new();
    for load in [0.3, 0.6] {
        // The second server is twice as fast.
        let expected = 1.0 / (1.0 - load) + 0.5 / (1.0 - load / 2.0);
        let got = Estimate::over_runs(|chance| redrawn(load, scale, chance));
        let what = format!("tandem, service drawn anew, load {load}: sojourn");
        checks.push(Check::mean(5, what, expected, got, 0.01, scale));
    }
    for load in [0.3, 0.8] {
        let got = Estimate::over_runs(|chance| kept(load, scale, chance));
        let what = format!("tandem, packets keep their size, load {load}: second wait");
        checks.push(Check::mean(5, what.as_str(), identical_services_wait(load), got, 0.01, scale));
        checks.push(Check::differs(5, what + ", not Jackson's", load / (1.0 - load), got, 0.1));
    }
    checks
}

/// Mean wait at the second of two queues through which packets go with the same exponential service of mean 1 (O. J. Boxma,
/// "On a tandem queueing model with identical service times at both counters", Adv. Appl. Prob. 11, 1979).
///
/// Within a busy period of the first queue a packet's sojourn s in the second is the longest service since the period
/// began, or what the period before left over. With B(x) = 1 − e^−x, g(x) the probability that a busy period has a service
/// longer than x, and H(x) = exp(−load · ∫ g from x on) that the period before leaves less than x:
///
/// P(s ≤ x) = (1 − load) · H(x) · B(x) · g(x) / (1 − B(x)), where g · (1 − load + load · g) = e^(−(1 + load · g) · x).
///
/// By trapezoids; at loads up to 0.9 the error is below 1e-4.
fn identical_services_wait(load: f64) -> f64 {
    const STEP: f64 = 0.01;
    const STEPS: u32 = 5_000;
    let (mut integral, mut sojourn, mut after) = (0.0, 0.0, None);
    for i in (0..=STEPS).rev() {
        let x = f64::from(i) * STEP;
        let longer = longer_service(load, x);
        // g / (1 − B) without two small numbers.
        let ratio = libm::exp(-load * longer * x) / (1.0 - load + load * longer);
        integral += after.map_or(0.0, |(g, _)| (g + longer) / 2.0 * STEP);
        let below = (1.0 - load) * libm::exp(-load * integral) * (1.0 - libm::exp(-x)) * ratio;
        sojourn += after.map_or(0.0, |(_, above)| (above + 1.0 - below) / 2.0 * STEP);
        after = Some((longer, 1.0 - below));
    }
    sojourn - 1.0
}

/// g(x): the one root in 0 … 1, by halving.
fn longer_service(load: f64, x: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let g: f64 = (low + high) / 2.0;
        let too_low = g * (1.0 - load + load * g) < libm::exp(-(1.0 + load * g) * x);
        if too_low { low = g } else { high = g }
    }
    (low + high) / 2.0
}

/// Mean time in two queues in series in services of the first. Links give a packet the service of its size, so it takes
/// two queues by themselves to draw it anew.
fn redrawn(load: f64, scale: Scale, chance: Trial) -> f64 {
    const SERVICE_PS: f64 = 1e8;
    let key = EntityKey::new("fidelity");
    let (mut gaps, mut draws) = (chance.stream(Purpose::ARRIVALS, &key), chance.stream(Purpose::SIZES, &key));
    let [mut first, mut second] = [(); 2].map(|()| Fifo::new(Bytes::new(1 << 40)));
    let (mut now, mut sojourn) = (SimTime::ZERO, 0u128);
    for _ in 0..packets(scale) {
        now += SimDuration::from_ps((gaps.exp() * SERVICE_PS / load) as u64);
        let mut service = |mean: f64| SimDuration::from_ps((draws.exp() * mean * SERVICE_PS) as u64);
        let middle = first.offer(now, Bytes::new(1), service(1.0)).expect("there is room");
        let end = second.offer(middle, Bytes::new(1), service(0.5)).expect("there is room");
        sojourn += u128::from(end.since(now).as_ps());
    }
    sojourn as f64 / packets(scale) as f64 / SERVICE_PS
}

/// Mean wait at the second of two links of one rate, in mean services.
fn kept(load: f64, scale: Scale, chance: Trial) -> f64 {
    let csr = Csr::compile(&topology("a -10G,1us- b -10G,1us- c"), Layer::Igp);
    let schedule = poisson_packets(&csr, load, packets(scale), &EXPONENTIAL, chance);
    let result = send(&csr, &network(&csr, Bytes::new(1 << 40)), &schedule, chance);
    wait(&result, ArcId(2), &EXPONENTIAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_light_traffic_only_the_packet_before_matters() {
        // To first order in the load the wait is load · (E[τ (τ − τ′)⁺] + E[((τ − τ′)⁺)²] / 2) = 1.75 · load.
        let got = identical_services_wait(1e-3);
        assert!((got / 1.75e-3 - 1.0).abs() < 0.02, "{got}");
    }

    #[test]
    fn the_second_queue_is_worse_than_jacksons_in_light_traffic_and_better_in_heavy() {
        for load in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9] {
            assert_eq!(identical_services_wait(load) > load / (1.0 - load), load < 0.6, "{load}");
        }
    }
}
