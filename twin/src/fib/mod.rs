//! Forwarding tables.

mod actions;
mod family;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::EntityKey;
use actions::Actions;
use family::Family;

/// A node's forwarding table: longest prefix match over IPv4 and IPv6.
///
/// Made for large tables in many versions: a route is a number of an action, and a copy shares what is not written.
/// 900,000 routes with 64 next hops take about 16 MB; `Clone` costs a few pointers, and the first write to a copy the routes of one /8
/// (IPv4) or /16 (IPv6) and the list of distinct actions.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    v4: Family<Ipv4Net>,
    v6: Family<Ipv6Net>,
    actions: Arc<Actions>,
}

/// One entry of a forwarding table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination block.
    pub prefix: IpNet,
    /// What happens to a packet for it.
    pub action: RouteAction,
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteAction {
    /// Send to one of these next hops, by flow hash (ECMP).
    Forward(Vec<NextHop>),
    /// The address is the node's own.
    Local,
    /// Drop silently.
    Blackhole,
    /// Drop and say so (ICMP 3/1).
    Unreachable,
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextHop {
    /// The egress port.
    pub port: EntityKey,
    /// The gateway's address; absent where the destination is on the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
}

impl Fib {
    /// Adds or replaces the route of a prefix (host bits are cleared).
    pub fn insert(&mut self, route: Route) {
        let actions = Arc::make_mut(&mut self.actions);
        let number = actions.take(route.action);
        let before = match route.prefix.trunc() {
            IpNet::V4(net) => self.v4.insert(net, number),
            IpNet::V6(net) => self.v6.insert(net, number),
        };
        if let Some(before) = before {
            actions.release(before);
        }
    }

    /// Removes the route of a prefix, if there is one.
    pub fn remove(&mut self, prefix: IpNet) {
        let before = match prefix.trunc() {
            IpNet::V4(net) => self.v4.remove(net),
            IpNet::V6(net) => self.v6.remove(net),
        };
        if let Some(before) = before {
            Arc::make_mut(&mut self.actions).release(before);
        }
    }

    /// The route of this very prefix.
    pub fn exact(&self, prefix: IpNet) -> Option<&RouteAction> {
        let number = match prefix.trunc() {
            IpNet::V4(net) => self.v4.exact(net),
            IpNet::V6(net) => self.v6.exact(net),
        };
        Some(self.actions.get(number?))
    }

    /// The longest match for an address. Cost: one walk of a trie, 0.1 to 0.3 µs in a global table; a simulation
    /// compiles tables first.
    pub fn lookup(&self, ip: IpAddr) -> Option<&RouteAction> {
        self.longest_match(ip).map(|(_, action)| action)
    }

    /// The longest match for an address with its prefix. Cost as [`Fib::lookup`].
    pub fn longest_match(&self, ip: IpAddr) -> Option<(IpNet, &RouteAction)> {
        let (prefix, number) = match ip {
            IpAddr::V4(ip) => self.v4.lookup(&Ipv4Net::from(ip)).map(|(net, n)| (IpNet::V4(net), n)),
            IpAddr::V6(ip) => self.v6.lookup(&Ipv6Net::from(ip)).map(|(net, n)| (IpNet::V6(net), n)),
        }?;
        Some((prefix, self.actions.get(number)))
    }

    /// All routes, IPv4 first, in prefix order. Copies the actions; [`Fib::entries`] does not.
    pub fn routes(&self) -> Vec<Route> {
        self.in_order().map(|row| Route { prefix: row.prefix, action: row.action.clone() }).collect()
    }

    /// All prefixes, IPv4 first, each with the position of its action in [`Fib::actions`]. Almost in prefix order: those
    /// shorter than /8 (IPv4) and /16 (IPv6) come before the others of their family.
    pub fn entries(&self) -> impl Iterator<Item = (IpNet, usize)> {
        let v4 = self.v4.iter().map(|(net, number)| (IpNet::V4(net), number as usize));
        v4.chain(self.v6.iter().map(|(net, number)| (IpNet::V6(net), number as usize)))
    }

    /// The distinct actions; some of them may be those of routes that were replaced since.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = &RouteAction> {
        self.actions.iter()
    }

    fn in_order(&self) -> impl Iterator<Item = Row<'_>> {
        let mut entries: Vec<_> = self.entries().collect();
        entries.sort_by_key(|(prefix, _)| *prefix); // two or three sorted runs
        entries.into_iter().map(|(prefix, number)| Row { prefix, action: self.actions.get(number as u32) })
    }

    /// The number of routes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A [`Route`] that lies in a table.
#[derive(PartialEq, Eq, Serialize)]
struct Row<'a> {
    prefix: IpNet,
    action: &'a RouteAction,
}

impl FromIterator<Route> for Fib {
    fn from_iter<I: IntoIterator<Item = Route>>(routes: I) -> Self {
        let mut fib = Self::default();
        routes.into_iter().for_each(|r| fib.insert(r));
        fib
    }
}

impl PartialEq for Fib {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.in_order().eq(other.in_order())
    }
}

impl Eq for Fib {}

impl Serialize for Fib {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.in_order())
    }
}

/// Routes are taken one by one: the actions of a global table, each written out, would be some hundred megabytes.
impl<'de> Deserialize<'de> for Fib {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Routes;
        impl<'de> Visitor<'de> for Routes {
            type Value = Fib;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of routes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Fib, A::Error> {
                let mut fib = Fib::default();
                while let Some(route) = rows.next_element()? {
                    fib.insert(route);
                }
                Ok(fib)
            }
        }
        deserializer.deserialize_seq(Routes)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn via(port: &str) -> RouteAction {
        RouteAction::Forward(vec![NextHop { port: EntityKey::new(port), gateway: None }])
    }

    #[test]
    fn the_longest_prefix_wins_and_host_bits_are_cleared() {
        let fib: Fib =
            [("10.1.2.3/8", via("p8")), ("10.1.0.0/16", via("p16")), ("::/0", RouteAction::Blackhole)]
                .into_iter()
                .map(|(p, action)| Route { prefix: p.parse().unwrap(), action })
                .collect();
        assert_eq!(fib.lookup("10.1.9.9".parse().unwrap()), Some(&via("p16")));
        assert_eq!(fib.lookup("10.2.0.1".parse().unwrap()), Some(&via("p8")));
        assert_eq!(fib.lookup("11.0.0.1".parse().unwrap()), None);
        assert_eq!(fib.lookup("2001:db8::1".parse().unwrap()), Some(&RouteAction::Blackhole));
    }

    #[test]
    fn a_table_survives_json() {
        let fib: Fib =
            [Route { prefix: "10.0.0.0/8".parse().unwrap(), action: via("p") }].into_iter().collect();
        let text = serde_json::to_string(&fib).unwrap();
        assert_eq!(serde_json::from_str::<Fib>(&text).unwrap(), fib);
    }

    /// The slow twin: a list of routes.
    #[derive(Default)]
    struct List(Vec<Route>);

    impl List {
        fn insert(&mut self, route: Route) {
            self.remove(route.prefix);
            self.0.push(route);
        }
        fn remove(&mut self, prefix: IpNet) {
            self.0.retain(|r| r.prefix != prefix);
        }
        fn lookup(&self, ip: IpAddr) -> Option<&RouteAction> {
            let holding = self.0.iter().filter(|r| r.prefix.contains(&ip));
            holding.max_by_key(|r| r.prefix.prefix_len()).map(|r| &r.action)
        }
    }

    /// Few blocks of any length, so that they nest and are replaced; few actions, so that they are shared and given up.
    fn route() -> impl Strategy<Value = Route> {
        let v4 = (prop_oneof![Just(0x0a00_0000), 0u32..4], 0u8..=32)
            .prop_map(|(bits, len)| IpNet::new(Ipv4Addr::from(bits).into(), len).expect("at most 32 bits"));
        let v6 = (prop_oneof![Just(0x2001_u128 << 112), 0u128..4], 0u8..=128)
            .prop_map(|(bits, len)| IpNet::new(Ipv6Addr::from(bits).into(), len).expect("at most 128 bits"));
        let action = prop_oneof![
            Just(RouteAction::Local),
            Just(RouteAction::Blackhole),
            (0..3).prop_map(|i| via(&format!("p{i}"))),
        ];
        (prop_oneof![v4, v6], action).prop_map(|(net, action)| Route { prefix: net.trunc(), action })
    }

    proptest! {
        #[test]
        fn a_table_is_a_list_of_routes_and_its_copies_do_not_see_later_ones(
            first in vec(route(), 0..40), then in vec((route(), any::<bool>()), 1..40)
        ) {
            let (mut fib, mut list) = (Fib::default(), List::default());
            first.into_iter().for_each(|r| { fib.insert(r.clone()); list.insert(r) });
            let (copy, before) = (fib.clone(), fib.routes());
            for (r, stays) in then {
                if stays { fib.insert(r.clone()); list.insert(r) } else { fib.remove(r.prefix); list.remove(r.prefix) }
            }
            prop_assert_eq!(&copy.routes(), &before);
            list.0.sort_by_key(|r| r.prefix);
            prop_assert_eq!(&fib.routes(), &list.0);
            prop_assert_eq!(fib.len(), list.0.len());
            for r in &list.0 {
                prop_assert_eq!(fib.exact(r.prefix), Some(&r.action));
                let (first, last) = (r.prefix.network(), r.prefix.broadcast());
                prop_assert_eq!((fib.lookup(first), fib.lookup(last)), (list.lookup(first), list.lookup(last)));
            }
            prop_assert_eq!(fib == copy, fib.routes() == before);
        }
    }
}
