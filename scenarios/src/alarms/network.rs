//! Links, groups, and which memberships the list of groups has probably lost.

use std::collections::{BTreeMap, BTreeSet};

/// A link between two routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// One end.
    pub a: u32,
    /// The other end.
    pub b: u32,
}

/// Links that fail together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What it is: groups of one kind at one router hold different links.
    pub kind: String,
    /// Its name. `…-A-B` says that it lies between routers A and B, `rN` or `rN/…` that it is at router N.
    pub name: String,
    /// Its links, each once, in ascending order.
    pub links: Vec<u32>,
    /// Probability that it has failed, between 0 and 1.
    pub prior: f64,
}

/// A network and its groups.
#[derive(Clone, Debug)]
pub struct Network {
    /// Links by number.
    pub links: Vec<Link>,
    /// Groups by number.
    pub groups: Vec<Group>,
    /// Of each group the links that it takes down and how probably: 1 for those listed.
    pub(super) members: Vec<Vec<(u32, f64)>>,
    /// Share of memberships that the list has lost.
    pub missing: f64,
}

/// A list of groups before anything is known of it: one membership of fifty lost, as if fifty had been seen.
const LOST: (f64, f64) = (1.0, 50.0);
/// Below this a membership that is not listed is not considered.
const CONSIDERED: f64 = 1e-4;
/// A span is part of a wider group before their links are compared.
const PART: f64 = 0.03;

impl Network {
    /// Numbers of links in `groups` have to exist.
    pub fn new(links: Vec<Link>, groups: Vec<Group>) -> Self {
        let mut network = Self { members: Vec::new(), missing: 0.0, links, groups };
        let spans = network.spans();
        let gaps = network.gaps(&spans);
        let listed: usize = spans.keys().map(|g| network.groups[*g].links.len()).sum();
        let found: f64 = gaps.iter().map(|(.., p)| p).sum();
        network.missing = ((LOST.0 + found) / (LOST.1 + found + listed as f64)).min(0.5);
        let mut hidden = gaps;
        hidden.extend(network.at_routers());
        hidden.extend(network.wider(&spans));
        network.members = network
            .groups
            .iter()
            .enumerate()
            .map(|(g, group)| {
                let others = network.links.len().saturating_sub(group.links.len()).max(1);
                // What no structure tells: any other link, as often as lost memberships are many.
                let any = network.missing * network.missing * group.links.len() as f64 / others as f64;
                let mut all: BTreeMap<u32, f64> = BTreeMap::new();
                if any >= CONSIDERED {
                    all.extend((0..network.links.len() as u32).map(|l| (l, any)));
                }
                for (_, link, p) in hidden.iter().filter(|h| h.0 == g && h.2 >= CONSIDERED) {
                    let known = all.entry(*link).or_default();
                    *known = known.max(*p);
                }
                all.extend(group.links.iter().map(|l| (*l, 1.0)));
                all.into_iter().collect()
            })
            .collect();
        network
    }

    /// Groups that lie between two routers, by name.
    fn spans(&self) -> BTreeMap<usize, (u32, u32)> {
        let routers = self.links.iter().map(|l| l.a.max(l.b)).max().unwrap_or(0);
        let ends = |name: &str| {
            let mut parts = name.rsplitn(3, '-');
            let (b, a) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            (a <= routers && b <= routers && a != b).then_some((a, b))
        };
        let named = |(g, group): (usize, &Group)| Some((g, ends(&group.name)?));
        self.groups.iter().enumerate().filter_map(named).collect()
    }

    /// The spans of a link are a way from one of its ends to the other. Where the way is broken in one place the span across
    /// the gap is missing.
    fn gaps(&self, spans: &BTreeMap<usize, (u32, u32)>) -> Vec<(usize, u32, f64)> {
        let mut of_link = vec![Vec::new(); self.links.len()];
        for (g, ends) in spans {
            self.groups[*g].links.iter().for_each(|l| of_link[*l as usize].push(*ends));
        }
        let mut gaps = Vec::new();
        for ((number, link), ways) in (0u32..).zip(&self.links).zip(&of_link) {
            let mut odd: BTreeMap<u32, bool> = BTreeMap::new();
            for end in ways.iter().chain([&(link.a, link.b)]).flat_map(|(a, b)| [*a, *b]) {
                *odd.entry(end).or_default() ^= true;
            }
            let open: Vec<u32> = odd.into_iter().filter(|(_, odd)| *odd).map(|(end, _)| end).collect();
            let fits = |(a, b): (u32, u32)| open.contains(&a) && open.contains(&b);
            let across: Vec<usize> = spans.iter().filter(|(_, ends)| fits(**ends)).map(|(g, _)| *g).collect();
            let needed = open.len() as f64 / 2.0;
            let p = (needed / across.len().max(1) as f64).min(1.0) * 0.99;
            let new = across.into_iter().filter(|g| !self.groups[*g].links.contains(&number));
            gaps.extend(new.map(|g| (g, number, p)));
        }
        gaps
    }

    /// A link that no group of a kind at its router lists belongs to one of them.
    fn at_routers(&self) -> Vec<(usize, u32, f64)> {
        let mut at: BTreeMap<(u32, &str), Vec<usize>> = BTreeMap::new();
        for (g, group) in self.groups.iter().enumerate() {
            let name = group.name.strip_prefix('r').and_then(|n| n.split('/').next());
            if let Some(router) = name.and_then(|n| n.parse().ok()) {
                at.entry((router, &group.kind)).or_default().push(g);
            }
        }
        let mut found = Vec::new();
        for ((router, _), groups) in at {
            let mine = (0u32..).zip(&self.links).filter(|(_, l)| l.a == router || l.b == router);
            for (link, _) in mine {
                if !groups.iter().any(|g| self.groups[*g].links.contains(&link)) {
                    found.extend(groups.iter().map(|g| (*g, link, 0.99 / groups.len() as f64)));
                }
            }
        }
        found
    }

    /// Where a wider group holds nearly all of a span it holds the span, and so the rest of the span's links. Spans in a row
    /// have most links in common, so only links that no span before it accounts for speak for a span; whole ones come first.
    fn wider(&self, spans: &BTreeMap<usize, (u32, u32)>) -> Vec<(usize, u32, f64)> {
        let mut found = Vec::new();
        for (g, wide) in self.groups.iter().enumerate().filter(|(g, _)| !spans.contains_key(g)) {
            let usual = (wide.links.len() as f64 / self.links.len().max(1) as f64).clamp(1e-3, 0.999);
            let narrower =
                spans.keys().map(|s| &self.groups[*s].links).filter(|s| s.len() < wide.links.len());
            let part = |span: &'_ Vec<u32>| -> (Vec<u32>, Vec<u32>) {
                span.iter().copied().partition(|l| wide.links.binary_search(l).is_ok())
            };
            let mut parts: Vec<(Vec<u32>, Vec<u32>)> = narrower.map(part).collect();
            parts.sort_by_key(|(within, out)| (out.len(), std::cmp::Reverse(within.len())));
            let mut covered = BTreeSet::new();
            for (within, out) in parts {
                let new = within.iter().filter(|l| !covered.contains(*l)).count();
                let log_ratio = new as f64 * libm::log((1.0 - self.missing) / usual)
                    + out.len() as f64 * libm::log(self.missing / (1.0 - usual));
                let odds = PART / (1.0 - PART) * libm::exp(log_ratio.min(700.0));
                if odds > 1.0 {
                    covered.extend(within);
                }
                found.extend(out.into_iter().map(|l| (g, l, odds / (1.0 + odds))));
            }
        }
        found
    }
}
