//! Moves of the chain that exchange two links: what explains the same flows cannot go over step by step.

use engine::Stream;
use rand::RngExt;

use super::chain::Chain;
use super::rates::HEALTHY;
use super::topology::Link;

impl Chain<'_> {
    /// Swaps the rates of two links, if that is likely enough (Metropolis).
    pub(super) fn swap(&mut self, a: Link, b: Link, stream: &mut Stream) {
        let (x, y) = (self.fit.value[a as usize], self.fit.value[b as usize]);
        if x == y || self.is_held(a) || self.is_held(b) {
            return;
        }
        let of = |link: Link| self.lossy_of[link as usize].iter();
        let mut shared: Vec<u32> = of(a).chain(of(b)).copied().collect();
        shared.sort_unstable();
        shared.dedup();
        let before = self.score(a, b, &shared);
        self.set(a, y);
        self.set(b, x);
        let held = self.is_held(a) || self.is_held(b);
        if held || self.score(a, b, &shared) - before < libm::log(stream.f64_open()) {
            self.set(a, x);
            self.set(b, y);
        }
    }

    /// Log-posterior of two links and the flows that may meet them, up to a constant.
    fn score(&self, a: Link, b: Link, flows: &[u32]) -> f64 {
        let own = |link: Link| {
            let v = usize::from(self.fit.value[link as usize]);
            let (prior, _) = self.prior(link);
            let kind = if v < HEALTHY { libm::log1p(-prior) } else { libm::log(prior) };
            kind + self.fit.own(link)[v] + self.fit.rates.log_prior[v]
        };
        own(a) + own(b) + flows.iter().map(|f| self.fit.flow(*f as usize)).sum::<f64>()
    }

    /// Another link on a path of a flow that this one explains.
    pub(super) fn companion(&self, link: Link, stream: &mut Stream) -> Option<Link> {
        let flows = &self.lossy_of[link as usize];
        let flow = *flows.get(stream.random_range(0..flows.len().max(1)))?;
        let lossy = &self.problem.flows.lossy[flow as usize];
        let drawn = stream.random_range(0..lossy.routes.len());
        let path: Vec<Link> = lossy.routes.path(lossy.taken.map_or(drawn, |p| p as usize)).collect();
        let other = path[stream.random_range(0..path.len())];
        (other != link).then_some(other)
    }
}
