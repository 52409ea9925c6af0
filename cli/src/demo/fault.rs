//! What breaks: drawn, or as the reader types it.

use clap::ValueEnum;
use models::{Failures, Routing};
use scenarios::component::Component;
use scenarios::world::Fault;
use twin::{ArcId, Csr, LinkId, NodeId};

use crate::planning::names::Names;

/// A fault that the seed draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One direction of a link loses 0.3-2 % of its packets; no counter shows it.
    #[default]
    Loss,
    /// A link is down; the alarm has not arrived.
    Down,
    /// Nothing is wrong.
    None,
}

/// Loss rates that are drawn, log-uniform.
const RATES: (f64, f64) = (0.003, 0.02);

/// Draws a fault among arcs in use. A link that would cut the network in two is not taken down: that fault would explain
/// itself.
pub(crate) fn draw(
    csr: &Csr,
    kind: Kind,
    busy: &[ArcId],
    pick: &mut dyn FnMut(u64) -> u64,
    uniform: &mut dyn FnMut() -> f64,
) -> Fault {
    let arc = busy[pick(busy.len() as u64) as usize];
    match kind {
        Kind::None => Fault::None,
        Kind::Loss => Fault::Loss(arc, RATES.0 * libm::pow(RATES.1 / RATES.0, uniform())),
        Kind::Down => {
            let first = busy.iter().position(|a| *a == arc).unwrap_or(0);
            let order = busy[first..].iter().chain(&busy[..first]);
            let link = order.map(|a| csr.link[a.index()]).find(|l| stays_whole(csr, *l));
            link.map_or(Fault::None, Fault::Down)
        }
    }
}

fn stays_whole(csr: &Csr, link: LinkId) -> bool {
    let down = Failures::none(csr).with_link(link);
    let routing = Routing::compute(csr, &down);
    (0..csr.node_count()).all(|n| routing.reaches(NodeId::new(n), NodeId(0)))
}

/// Reads `ELEMENT:RATE`: `A-B:1%` (the direction from A to B loses), `A-B:down`.
pub(crate) fn parse(names: &Names<'_>, text: &str) -> Result<Fault, String> {
    let bad = |what: String| {
        format!("--break: {what}; expected ELEMENT:RATE such as A-B:0.8%, A-B:0.01 or A-B:down")
    };
    let (element, rate) = text.rsplit_once(':').ok_or_else(|| bad(format!("'{text}' has no rate")))?;
    let arc = names.arc(element.trim()).map_err(|unknown| format!("--break: {unknown}"))?;
    if rate.eq_ignore_ascii_case("down") {
        return Ok(Fault::Down(names.csr().link[arc.index()]));
    }
    let (number, scale) = rate.strip_suffix('%').map_or((rate, 1.0), |r| (r, 0.01));
    let rate = number.trim().parse::<f64>().ok().map(|r| r * scale).filter(|r| *r > 0.0 && *r <= 1.0);
    rate.map(|r| Fault::Loss(arc, r)).ok_or_else(|| bad(format!("'{text}': a rate is above 0 and at most 1")))
}

/// The components that a guess `A-B` may mean: its two directions and the link.
pub(crate) fn guess(names: &Names<'_>, text: &str) -> Result<Vec<Component>, String> {
    let arc = names.arc(text.trim()).map_err(|unknown| format!("--guess: {unknown}"))?;
    let link = names.csr().link[arc.index()];
    Ok(vec![Component::LinkLoss(arc), Component::LinkDown(link), Component::Capacity(arc)])
}
