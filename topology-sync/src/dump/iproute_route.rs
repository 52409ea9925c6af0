//! Routes as iproute2 prints them: `[TYPE] PREFIX [nhid N] [via GATEWAY] [dev PORT] [table T] [metric N] …`, with a line
//! `nexthop via … dev …` for each of several next hops.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use twin::WallTime;

use super::iproute::Record;
use super::text::{Notes, after, parsed_after, words};
use crate::observation::{Fact, FactKey, Part, RouteFact, RouteHop, RouteKind, Topic};

/// The routes of a text, by what they are about and when: IPv6 lists each of several next hops as a route of its own.
#[derive(Default)]
pub(super) struct Routes(BTreeMap<(WallTime, FactKey), Option<RouteFact>>);

impl Routes {
    /// Takes a record. The family of the route, if it was one.
    pub(super) fn take(&mut self, at: WallTime, deleted: bool, record: &Record<'_>) -> Option<Part> {
        let (kind, rest) = split_type(&record.head)?;
        let prefix = destination(rest, record)?;
        let family = Some(Part::from(prefix));
        let table = after(rest, "table").unwrap_or(if kind == "local" { "local" } else { "main" });
        let metric = parsed_after(rest, "metric").unwrap_or(0);
        let hops = hops(rest, record);
        let kind = match kind {
            "unicast" if hops.is_empty() => return family, // All its next hops are dead.
            "unicast" => RouteKind::Forward(hops),
            "local" | "anycast" => RouteKind::Local,
            "blackhole" => RouteKind::Blackhole,
            "unreachable" | "prohibit" => RouteKind::Unreachable,
            _ => return family, // broadcast, multicast, throw: nothing is forwarded by them.
        };
        if !is_per_link(&prefix) {
            self.add(at, deleted, RouteFact { table: table.to_owned(), prefix, metric, kind });
        }
        family
    }

    fn add(&mut self, at: WallTime, deleted: bool, route: RouteFact) {
        let key = FactKey::new(
            Topic::Routes,
            &[&route.table, &route.prefix.to_string(), &route.metric.to_string()],
        );
        if deleted {
            self.0.insert((at, key), None);
            return;
        }
        match self.0.entry((at, key)).or_insert(None) {
            Some(known) => join(known, route),
            entry => *entry = Some(route),
        }
    }

    /// Notes them all; the instant of a listing is `at`.
    pub(super) fn note(self, notes: &mut Notes<'_>, at: WallTime) {
        for ((when, key), route) in self.0 {
            notes.at = when;
            match route {
                Some(route) => notes.is(Fact::Route(route)),
                None => notes.not(key),
            }
        }
        notes.at = at;
    }
}

/// A second route of one prefix, table and metric adds its next hops.
fn join(known: &mut RouteFact, route: RouteFact) {
    if let (RouteKind::Forward(hops), RouteKind::Forward(more)) = (&mut known.kind, route.kind) {
        for hop in more {
            if !hops.contains(&hop) {
                hops.push(hop);
            }
        }
    }
}

/// Whether a record is a next hop object, `id 25 via 10.1.0.1 dev eth1 …`.
pub(super) fn is_nexthop(record: &Record<'_>) -> bool {
    let mut head = record.head.iter();
    head.next() == Some(&"id") && head.next().is_some_and(|n| n.parse::<u32>().is_ok())
}

fn split_type<'a, 'b>(head: &'b [&'a str]) -> Option<(&'a str, &'b [&'a str])> {
    let types = [
        "unicast",
        "local",
        "broadcast",
        "multicast",
        "anycast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
    ];
    match head.first()? {
        first if types.contains(first) => Some((first, head.get(1..)?)),
        _ => Some(("unicast", head)),
    }
}

fn destination(rest: &[&str], record: &Record<'_>) -> Option<IpNet> {
    let text = rest.first()?;
    if *text == "default" {
        let v6 = rest.iter().chain(&words(record.more.first().unwrap_or(&""))).any(|w| w.contains("::"))
            || rest.contains(&"pref"); // Only IPv6 routes bear a preference (RFC 4191).
        return if v6 { "::/0" } else { "0.0.0.0/0" }.parse().ok();
    }
    // A route prints something about itself, or it is a line of another tool that begins with an address.
    let known = ["dev", "via", "proto", "nhid", "table", "metric", "scope", "src", "encap", "inet6"];
    if record.more.is_empty() && !rest.iter().any(|w| known.contains(w)) && record.head.len() == rest.len() {
        return None;
    }
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(|n| n.trunc())
}

fn hops(rest: &[&str], record: &Record<'_>) -> Vec<RouteHop> {
    let mut lines: Vec<Vec<&str>> = record.more.iter().map(|l| words(l)).collect();
    lines.retain(|l| l.first() == Some(&"nexthop"));
    if lines.is_empty() {
        lines.push(rest.to_vec());
    }
    lines.iter().filter(|l| !l.contains(&"dead")).filter_map(|l| hop(l)).collect()
}

/// `via 10.0.0.1 dev eth1`; `via inet6 fe80::1 dev eth1` leads an IPv4 route over an IPv6 next hop (RFC 8950).
fn hop(words: &[&str]) -> Option<RouteHop> {
    let gateway = match after(words, "via") {
        Some("inet6" | "inet") => words.iter().skip_while(|w| **w != "via").nth(2).copied(),
        other => other,
    };
    let gateway = gateway.and_then(|g| g.parse().ok());
    let port = after(words, "dev").map(str::to_owned);
    (gateway.is_some() || port.is_some()).then_some(RouteHop { port, gateway })
}

/// Link-local and multicast destinations mean something else on every link: no table can hold them.
fn is_per_link(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => net.addr().is_multicast() || net.addr().is_link_local(),
        IpNet::V6(net) => net.addr().is_multicast() || net.addr().is_unicast_link_local(),
    }
}
