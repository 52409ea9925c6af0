//! The paths that lossy flows took or may have taken, with the links on them.

use super::flows::Lossy;
use super::topology::Link;

/// Where a link stands on a path of a lossy flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// The flow.
    pub(super) flow: u32,
    pub(super) path: u32,
}

/// A path is about the likeliest if its log-likelihood is so near that of the likeliest.
const NEAR: f64 = 30.0;

/// Paths of lossy flows, with the links on them.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// Where the paths of each flow begin.
    start: Vec<u32>,
    /// Of each path Σ ln(1 − x).
    pub(super) pass: Vec<f64>,
    /// Of each link where it stands, in the order of flows and paths.
    pub(super) uses: Vec<Vec<Use>>,
    /// Of each path of a flow that may have taken several its log-likelihood.
    log: Vec<f64>,
    /// The likelihood relative to that of a path that is about the likeliest.
    pub(super) likelihood: Vec<f64>,
    /// The logarithm of the latter, by flow.
    pub(super) likeliest: Vec<f64>,
}

impl Ways {
    /// Paths of flows that `which` chooses, all links passing a packet with the chance e^`log_pass`.
    pub(super) fn new(
        lossy: &[Lossy],
        links: usize,
        log_pass: f64,
        which: impl Fn(&Lossy) -> std::ops::Range<usize>,
    ) -> Self {
        let mut ways = Self {
            start: vec![0],
            pass: Vec::new(),
            uses: vec![Vec::new(); links],
            log: Vec::new(),
            likelihood: Vec::new(),
            likeliest: vec![0.0; lossy.len()],
        };
        for (flow, lossy) in (0u32..).zip(lossy) {
            for i in which(lossy) {
                let path = ways.pass.len() as u32;
                let mut hops = 0.0;
                for link in lossy.routes.path(i) {
                    ways.uses[link as usize].push(Use { flow, path });
                    hops += 1.0;
                }
                ways.pass.push(hops * log_pass);
            }
            ways.start.push(ways.pass.len() as u32);
        }
        ways.likelihood = vec![1.0; ways.pass.len()];
        ways.log = vec![0.0; ways.pass.len()];
        for (flow, lossy) in lossy.iter().enumerate() {
            let paths = ways.of(flow);
            if paths.len() > 1 {
                paths.clone().for_each(|path| ways.log[path] = log_weight(lossy, ways.pass[path]));
                ways.likeliest[flow] = f64::INFINITY;
                ways.weigh(flow, &[]);
            }
        }
        ways
    }

    /// Another link rate changes what it passes by this.
    pub(super) fn shift(&mut self, link: Link, by: f64, lossy: &[Lossy]) {
        let uses = std::mem::take(&mut self.uses[link as usize]);
        for of_flow in uses.chunk_by(|a, b| a.flow == b.flow) {
            let flow = of_flow[0].flow as usize;
            let many = self.of(flow).len() > 1;
            for at in of_flow {
                let path = at.path as usize;
                self.pass[path] += by;
                if many {
                    self.log[path] = log_weight(&lossy[flow], self.pass[path]);
                }
            }
            if many {
                self.weigh(flow, of_flow);
            }
        }
        self.uses[link as usize] = uses;
    }

    /// Weighs paths of a flow anew. Chances of long flows are tiny, so they are relative to that of a path which was the
    /// likeliest not long ago.
    fn weigh(&mut self, flow: usize, changed: &[Use]) {
        let paths = self.of(flow);
        let top = self.log[paths.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if (top - self.likeliest[flow]).abs() > NEAR {
            self.likeliest[flow] = top;
            for path in paths {
                self.likelihood[path] = libm::exp(self.log[path] - top);
            }
        } else {
            for at in changed {
                self.likelihood[at.path as usize] =
                    libm::exp(self.log[at.path as usize] - self.likeliest[flow]);
            }
        }
    }

    /// The paths of a flow.
    pub(super) fn of(&self, flow: usize) -> std::ops::Range<usize> {
        self.start[flow] as usize..self.start[flow + 1] as usize
    }
}

/// ln(1 − exp(pass)): the chance of losing a packet on a path.
pub(super) fn log_loss(pass: f64) -> f64 {
    libm::log((-libm::expm1(pass)).max(f64::MIN_POSITIVE))
}

/// Log-likelihood of a lossy flow on a path that it passes so.
pub(super) fn log_weight(lossy: &Lossy, pass: f64) -> f64 {
    lossy.delivered * pass + lossy.lost * log_loss(pass)
}
