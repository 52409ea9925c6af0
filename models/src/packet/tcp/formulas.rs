//! Published formulas for what TCP makes of a loss rate.
//!
//! Rates are in segments per second. `p` is the probability that a segment is lost, above 0.

/// Mathis, Semke, Mahdavi, Ott: The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm, CCR 27(3), 1997,
/// eqn. 3 and table 1: an acknowledgement for each segment, and no timeouts.
pub fn mathis(rtt_s: f64, p: f64) -> f64 {
    libm::sqrt(1.5 / p) / rtt_s
}

/// Padhye, Firoiu, Towsley, Kurose: Modeling TCP Throughput, SIGCOMM 1998, eqn. 33 without a limit by the window:
/// `t0_s` is the first retransmission timeout, `b` the segments that one acknowledgement stands for.
pub fn pftk(rtt_s: f64, t0_s: f64, b: f64, p: f64) -> f64 {
    let recovery = rtt_s * libm::sqrt(2.0 * b * p / 3.0);
    let timeouts = t0_s * (3.0 * libm::sqrt(3.0 * b * p / 8.0)).min(1.0) * p * (1.0 + 32.0 * p * p);
    1.0 / (recovery + timeouts)
}

/// CUBIC's response where it is above Reno's (RFC 9438 §5, with β = 0.7 and C = 0.4): one loss in each `1/p`
/// segments.
pub fn cubic(rtt_s: f64, p: f64) -> f64 {
    const BETA: f64 = 0.7;
    const C: f64 = 0.4;
    let factor = libm::pow(C * (3.0 + BETA) / (4.0 * (1.0 - BETA)), 0.25);
    factor * libm::pow(rtt_s / p, 0.75) / rtt_s
}

/// Jain's index of fairness: 1 if all shares are equal, `1/n` if one of `n` has all; 1 for none.
pub fn jain(shares: &[f64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
    if squares == 0.0 { 1.0 } else { sum * sum / (shares.len() as f64 * squares) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_points() {
        // RFC 9438 §5.1, table 1: mean windows in segments, RTT 0.1 s.
        for (p, window) in [(1e-4, 187.0), (1e-5, 1_054.0), (1e-6, 5_926.0)] {
            assert!((cubic(0.1, p) * 0.1 / window - 1.0).abs() < 0.01, "{} at {p}", cubic(0.1, p) * 0.1);
        }
        assert!((mathis(0.1, 1e-4) * 0.1 - 122.47).abs() < 0.01);
    }

    #[test]
    fn without_timeouts_pftk_is_mathis() {
        assert!((pftk(0.1, 0.0, 1.0, 1e-3) / mathis(0.1, 1e-3) - 1.0).abs() < 1e-12);
        assert!(pftk(0.1, 1.0, 1.0, 1e-3) < mathis(0.1, 1e-3));
    }

    #[test]
    fn fairness_at_its_ends() {
        assert_eq!((jain(&[2.0, 2.0]), jain(&[1.0, 0.0]), jain(&[])), (1.0, 0.5, 1.0));
    }
}
