//! What is wrong in a case, drawn by its number.

use engine::Stream;
use rand::RngExt;

use super::shape::Net;
use super::truth::{Answer, BlackHole, CongestedLink, FailedDevice, FailedLink, StaleLink};
use super::{Kind, Noise, Plan};
use crate::fabric::topology::Link;

/// The rates of links in a case, and what no rate says.
pub(super) struct World {
    /// The answer.
    pub(super) answer: Answer,
    /// Loss of each link by failure and by the usual.
    pub(super) loss: Vec<f64>,
    /// Mean loss of each link at its queue, which differs from flow to flow.
    pub(super) queue: Vec<f64>,
    /// Links that are not there.
    pub(super) absent: Vec<bool>,
}

/// Draws what is wrong in a case.
pub(super) fn draw(plan: &Plan, net: &Net, number: u64, stream: &mut Stream) -> World {
    let links = net.fabric.link_count();
    let mut world = World {
        answer: Answer::default(),
        loss: (0..links).map(|_| usual(plan.noise, stream)).collect(),
        queue: vec![0.0; links],
        absent: vec![false; links],
    };
    let pick = Pick { plan, net };
    // As in the shared files numbers of faults go round: 1, 2, … in turn, two cases each.
    let turn = |most: u64| 1 + (number / 2) % most;
    match plan.kind {
        Kind::SilentMixed => pick.links(&mut world, turn(8), |_| true, stream),
        Kind::Softness => {
            pick.links(&mut world, 1, |link| net.links[link as usize].2 != "host-tor", stream);
        }
        Kind::None => {}
        Kind::Device => pick.devices(&mut world, turn(2), stream),
        Kind::Acl => pick.holes(&mut world, turn(2), stream),
        Kind::Congestion => {
            pick.links(&mut world, (number / 2) % 4, |_| true, stream);
            pick.congested(&mut world, 3 + number % 8, stream);
        }
        Kind::Incomplete => {
            pick.absent(&mut world, 6, stream);
            pick.links(&mut world, turn(4), |_| true, stream);
        }
        Kind::Srlg => pick.groups(&mut world, turn(2), stream),
    }
    world
}

fn usual(noise: Noise, stream: &mut Stream) -> f64 {
    match noise {
        Noise::Uniform(most) => stream.f64_open() * most,
        // With the first shape ½ and so small a mean it is a Gamma: the square of a normal number.
        Noise::Beta(mean) => (mean * square(stream)).min(0.5),
    }
}

/// The square of a standard normal number: a Gamma with shape ½ and mean 1 (Box and Muller, 1958).
pub(super) fn square(stream: &mut Stream) -> f64 {
    let part = libm::cos(std::f64::consts::TAU * stream.f64_open());
    2.0 * stream.exp() * part * part
}

struct Pick<'a> {
    plan: &'a Plan,
    net: &'a Net,
}

impl Pick<'_> {
    fn drop(&self, stream: &mut Stream) -> f64 {
        let (low, high) = self.plan.drop;
        low + (high - low) * stream.f64_open()
    }

    /// Different items out of so many.
    fn some(&self, n: u64, of: u32, stream: &mut Stream, fits: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut left: Vec<u32> = (0..of).filter(|i| fits(*i)).collect();
        let n = left.len().min(n as usize);
        (0..n).map(|_| left.swap_remove(stream.random_range(0..left.len()))).collect()
    }

    fn fail(&self, world: &mut World, link: Link, drop: f64) {
        let (a, b) = self.names(link);
        world.loss[link as usize] = drop;
        world.answer.failed_links.push(FailedLink { a, b, drop });
    }

    fn names(&self, link: Link) -> (u32, u32) {
        let (a, b) = self.net.fabric.ends(link);
        (self.net.fabric.name(a), self.net.fabric.name(b))
    }

    fn links(&self, world: &mut World, n: u64, fits: impl Fn(Link) -> bool, stream: &mut Stream) {
        let there = |l: u32| !world.absent[l as usize] && fits(l);
        for link in self.some(n, self.net.fabric.link_count() as u32, stream, there) {
            let drop = self.drop(stream);
            self.fail(world, link, drop);
        }
    }

    fn devices(&self, world: &mut World, n: u64, stream: &mut Stream) {
        for device in self.some(n, self.net.switches(), stream, |_| true) {
            let frac = f64::from(stream.random_range(1..=4u32)) / 4.0;
            let links = self.net.fabric.links_at(device);
            let failed = libm::round(links.len() as f64 * frac).max(1.0) as u64;
            for i in self.some(failed, links.len() as u32, stream, |_| true) {
                let drop = self.drop(stream);
                self.fail(world, links[i as usize], drop);
            }
            world.answer.failed_devices.push(FailedDevice { device, frac });
        }
    }

    /// Black holes above the racks: a rack's own switch would cut it off.
    fn holes(&self, world: &mut World, n: u64, stream: &mut Stream) {
        let racks = self.net.racks();
        let first = if self.net.targets.first() == Some(&0) { 0 } else { racks };
        for device in self.some(n, self.net.switches(), stream, |d| d >= first) {
            let dst_rack = stream.random_range(0..racks);
            world.answer.acl.push(BlackHole { device, dst_rack, affected_flows: 0 });
        }
    }

    fn congested(&self, world: &mut World, n: u64, stream: &mut Stream) {
        let fits = |l: u32| {
            let (a, b) = self.names(l);
            self.net.links[l as usize].2 != "host-tor"
                && !world.answer.failed_links.iter().any(|f| (f.a, f.b) == (a, b))
        };
        for link in self.some(n, self.net.fabric.link_count() as u32, stream, fits) {
            let (a, b) = self.names(link);
            let mean_loss = 0.001 + 0.011 * stream.f64_open();
            let util = 0.9 + 0.1 * stream.f64_open();
            world.queue[link as usize] = mean_loss;
            world.answer.congested_links.push(CongestedLink { a, b, mean_loss, util });
        }
    }

    fn absent(&self, world: &mut World, n: u64, stream: &mut Stream) {
        let links = self.net.fabric.link_count() as u32;
        let fits = |l: u32| {
            let (a, b) = self.names(l);
            a < b && self.net.links[l as usize].2 != "host-tor"
        };
        for link in self.some(n, links, stream, fits) {
            let (a, b) = self.names(link);
            for l in std::iter::once(link).chain(self.net.fabric.reverse(link)) {
                world.absent[l as usize] = true;
            }
            world.answer.stale_links.push(StaleLink { a, b });
        }
    }

    /// A group's links lose alike, within a quarter.
    fn groups(&self, world: &mut World, n: u64, stream: &mut Stream) {
        for group in self.some(n, self.net.cards.len() as u32, stream, |_| true) {
            let usual = self.drop(stream);
            for (a, b) in &self.net.cards[group as usize] {
                let fabric = &self.net.fabric;
                let ends = fabric.node(*a).zip(fabric.node(*b));
                if let Some(link) = ends.and_then(|(a, b)| fabric.link(a, b)) {
                    self.fail(world, link, usual * (0.75 + 0.5 * stream.f64_open()));
                }
            }
            world.answer.srlg.push(group);
        }
    }
}
