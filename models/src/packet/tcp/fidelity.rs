//! Transfers held against the published formulas.
//!
//! The formulas speak of a steady state, so the first losses and what came before them (slow start, until it is stopped)
//! are left out.

use engine::Trial;
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};

use super::{Bottleneck, BottleneckRun, Congestion, Loss, TcpConfig, TcpFlow, Transfer, formulas};

/// What a formula expects of one transfer, and what the transfer did; both in segments per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FormulaCheck {
    /// The formula's name.
    pub formula: &'static str,
    /// Share of the segments that was lost.
    pub p: f64,
    /// Round-trip time in seconds.
    pub rtt_s: f64,
    /// Segments that one acknowledgement stands for, 1 or 2 (delayed).
    pub b: f64,
    /// Mean retransmission timeout in seconds.
    pub timeout_s: f64,
    /// By the formula, for the loss that there was.
    pub expected: f64,
    /// Segments that the receiver read, over the time that they took.
    pub measured: f64,
}

impl FormulaCheck {
    /// Measured over expected.
    pub fn ratio(&self) -> f64 {
        self.measured / self.expected
    }
}

/// Reno with an acknowledgement for each segment against [`formulas::mathis`]. The formula knows no timeouts, and RFC 6298
/// §2.4 makes each last a second at least: with a round trip of 0.2 s they cost a tenth where one segment in a hundred is
/// lost, and less below.
///
/// Takes some `losses / p` segments, 2 µs of processor time each.
///
/// # Panics
/// If `p` is not above 0 and below 1.
pub fn mathis(p: f64, losses: u64, chance: Trial) -> FormulaCheck {
    let run = Run {
        congestion: Congestion::Reno,
        rtt_s: 0.2,
        delayed_ack: false,
        loss: Loss::Random(p),
        p,
        losses,
    };
    run.check("Mathis", chance, |_, p| formulas::mathis(0.2, p))
}

/// Reno against [`formulas::pftk`] with the timeout that the sender had, a round trip of 0.1 s, and an acknowledgement for
/// each segment or (`delayed_ack`) for every second.
///
/// # Panics
/// If `p` is not above 0 and below 1.
pub fn pftk(p: f64, delayed_ack: bool, losses: u64, chance: Trial) -> FormulaCheck {
    let run = Run { congestion: Congestion::Reno, rtt_s: 0.1, delayed_ack, loss: Loss::Random(p), p, losses };
    run.check("PFTK", chance, |t, p| formulas::pftk(0.1, t.timeout.as_secs_f64(), run.b(), p))
}

/// CUBIC against [`formulas::cubic`], whose losses are evenly spaced.
///
/// # Panics
/// If `p` is not above 0 and below 1.
pub fn cubic(p: f64, rtt_s: f64, losses: u64, chance: Trial) -> FormulaCheck {
    let loss = Loss::Every((1.0 / p) as u64);
    let run = Run { congestion: Congestion::Cubic, rtt_s, delayed_ack: false, loss, p, losses };
    run.check("CUBIC", chance, |_, p| formulas::cubic(rtt_s, p))
}

/// All three over the ranges in which they are meant to hold: Mathis from 1e-4 to 1e-2, PFTK to 0.05, CUBIC where it is
/// above Reno. Some ten seconds of processor time.
pub fn formula_checks(chance: Trial) -> Vec<FormulaCheck> {
    let mut rows: Vec<_> = [1e-4, 1e-3, 1e-2].map(|p| mathis(p, 200, chance)).into();
    for delayed_ack in [false, true] {
        rows.extend([2e-3, 1e-2, 2e-2, 5e-2].map(|p| pftk(p, delayed_ack, 1_000, chance)));
    }
    rows.extend([(1e-3, 0.2), (1e-3, 0.4), (1e-4, 0.2)].map(|(p, rtt_s)| cubic(p, rtt_s, 200, chance)));
    rows
}

/// One endless transfer over a line so fast that only the losses limit it.
struct Run {
    congestion: Congestion,
    rtt_s: f64,
    delayed_ack: bool,
    loss: Loss,
    p: f64,
    losses: u64,
}

/// Losses that are left out.
const WARM_UP: u64 = 10;
const MTU: u16 = 1_500;
const MSS: f64 = 1_460.0;

impl Run {
    fn check(
        &self,
        formula: &'static str,
        chance: Trial,
        expect: impl Fn(&Transfer, f64) -> f64,
    ) -> FormulaCheck {
        assert!(self.p > 0.0 && self.p < 1.0, "{} is no loss rate", self.p);
        let mut run = self.start(chance);
        let (began, before) = until_lost(&mut run, WARM_UP);
        let (ended, after) = until_lost(&mut run, WARM_UP + self.losses);
        let p = (after.lost - before.lost) as f64 / (after.offered - before.offered) as f64;
        let segments = (after.server.received - before.server.received) as f64 / MSS;
        FormulaCheck {
            formula,
            p,
            rtt_s: self.rtt_s,
            b: self.b(),
            timeout_s: after.timeout.as_secs_f64(),
            expected: expect(&after, p),
            measured: segments / ended.since(began).as_secs_f64(),
        }
    }

    fn b(&self) -> f64 {
        if self.delayed_ack { 2.0 } else { 1.0 }
    }

    fn start(&self, chance: Trial) -> BottleneckRun {
        let line = Bottleneck {
            rate: BitsPerSec::gbps(100),
            delay: SimDuration::from_secs_f64(self.rtt_s / 2.0),
            queue: TcpConfig::WINDOW_MAX,
            loss: self.loss,
        };
        let flow = TcpFlow {
            client: ([192, 0, 2, 1], 1_024).into(),
            server: ([192, 0, 2, 2], 80).into(),
            forward: Bytes::new(u64::MAX),
            backward: Bytes::new(0),
            start: SimTime::ZERO,
            congestion: self.congestion,
        };
        let config = TcpConfig {
            mtu: MTU,
            window: Bytes::new(16 << 20),
            delayed_ack: self.delayed_ack.then(|| SimDuration::millis(40)),
            ..TcpConfig::default()
        };
        line.start(&[flow], &config, chance).expect("addresses and configuration are fit")
    }
}

/// Goes on, a second at a time, until so many segments have been lost.
fn until_lost(run: &mut BottleneckRun, losses: u64) -> (SimTime, Transfer) {
    loop {
        run.run_until(run.now() + SimDuration::secs(1));
        let transfer = run.transfers()[0];
        if transfer.lost >= losses {
            return (run.now(), transfer);
        }
    }
}
