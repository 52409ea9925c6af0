//! What breaks: drawn, or as the reader types it.

use clap::ValueEnum;
use models::{Failures, Routing};
use scenarios::component::Component;
use scenarios::world::Fault;
use twin::{ArcId, Csr, InputError, LinkId, NodeId, Place};

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
pub(crate) fn parse(csr: &Csr, text: &str) -> Result<Fault, InputError> {
    let bad = |what: String| {
        InputError::new("--break", Place::Whole, what, "ELEMENT:RATE such as A-B:0.8%, A-B:0.01 or A-B:down")
    };
    let (element, rate) = text.rsplit_once(':').ok_or_else(|| bad(format!("'{text}' has no rate")))?;
    let arc = parse_arc(csr, "--break", element)?;
    if rate.eq_ignore_ascii_case("down") {
        return Ok(Fault::Down(csr.link[arc.index()]));
    }
    let (number, scale) = rate.strip_suffix('%').map_or((rate, 1.0), |r| (r, 0.01));
    let rate = number.trim().parse::<f64>().ok().map(|r| r * scale).filter(|r| *r > 0.0 && *r <= 1.0);
    rate.map(|r| Fault::Loss(arc, r)).ok_or_else(|| bad(format!("'{text}': a rate is above 0 and at most 1")))
}

/// Reads `A-B` or `A->B`, the first arc from A to B, or the name of a link, its first direction. `option` is what errors call the place.
pub(crate) fn parse_arc(csr: &Csr, option: &str, text: &str) -> Result<ArcId, InputError> {
    let names: Vec<&str> = csr.node_names.iter().map(String::as_str).collect();
    let node = |name: &str| names.iter().position(|n| n.eq_ignore_ascii_case(name.trim()));
    // Names may hold hyphens themselves: any split whose two sides are nodes will do.
    let splits = text.match_indices('-').map(|(i, _)| (&text[..i], text[i + 1..].trim_start_matches('>')));
    let splits: Vec<(&str, &str)> = splits.collect();
    if let Some((a, b)) = splits.iter().find_map(|(a, b)| Some((node(a)?, node(b)?))) {
        let found = csr.arcs_out(NodeId::new(a)).iter().find(|arc| csr.dst[arc.index()].index() == b);
        return found.copied().ok_or_else(|| {
            let what = format!("'{text}': no link from {} to {}", names[a], names[b]);
            let near = csr.arcs_out(NodeId::new(a)).iter().map(|arc| csr.arc_name(*arc));
            let near: Vec<String> = near.collect();
            InputError::new(option, Place::Whole, what, format!("one of: {}", near.join(", ")))
        });
    }
    if let Some(link) = csr.link_names.iter().position(|n| n.eq_ignore_ascii_case(text.trim()))
        && let Some(arc) = csr.link_arcs[link].first()
    {
        return Ok(*arc);
    }
    if splits.is_empty() {
        let near = csr.link_names.iter().map(String::as_str);
        let what = format!("'{text}': no link of that name");
        return Err(InputError::new(
            option,
            Place::Whole,
            what,
            "A-B with the names of two nodes, or a link",
        )
        .with_nearest(text.trim(), near));
    }
    let wrong = splits.first().map_or(text, |(a, b)| if node(a).is_none() { a } else { b });
    let what = format!("'{text}': unknown node '{}'", wrong.trim());
    Err(InputError::new(option, Place::Whole, what, "A-B with the names of two nodes")
        .with_nearest(wrong.trim(), names))
}

/// The components that a guess `A-B` may mean: its two directions and the link.
pub(crate) fn guess(csr: &Csr, text: &str) -> Result<Vec<Component>, InputError> {
    let arc = parse_arc(csr, "--guess", text)?;
    Ok(vec![Component::LinkLoss(arc), Component::LinkDown(csr.link[arc.index()]), Component::Capacity(arc)])
}
