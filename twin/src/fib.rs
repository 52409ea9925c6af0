//! Forwarding tables.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use serde::{Deserialize, Serialize};

use crate::EntityKey;

/// A node's forwarding table: longest prefix match over IPv4 and IPv6.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    v4: PrefixMap<Ipv4Net, RouteAction>,
    v6: PrefixMap<Ipv6Net, RouteAction>,
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
        match route.prefix.trunc() {
            IpNet::V4(net) => drop(self.v4.insert(net, route.action)),
            IpNet::V6(net) => drop(self.v6.insert(net, route.action)),
        }
    }

    /// The longest match for an address.
    pub fn lookup(&self, ip: IpAddr) -> Option<&RouteAction> {
        match ip {
            IpAddr::V4(ip) => self.v4.get_lpm(&Ipv4Net::from(ip)).map(|(_, a)| a),
            IpAddr::V6(ip) => self.v6.get_lpm(&Ipv6Net::from(ip)).map(|(_, a)| a),
        }
    }

    /// All routes, IPv4 first, in prefix order.
    pub fn routes(&self) -> Vec<Route> {
        let v4 = self.v4.iter().map(|(p, a)| Route { prefix: IpNet::V4(p), action: a.clone() });
        let v6 = self.v6.iter().map(|(p, a)| Route { prefix: IpNet::V6(p), action: a.clone() });
        let mut routes: Vec<_> = v4.chain(v6).collect();
        routes.sort_by_key(|r| r.prefix);
        routes
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

impl FromIterator<Route> for Fib {
    fn from_iter<I: IntoIterator<Item = Route>>(routes: I) -> Self {
        let mut fib = Self::default();
        routes.into_iter().for_each(|r| fib.insert(r));
        fib
    }
}

impl PartialEq for Fib {
    fn eq(&self, other: &Self) -> bool {
        self.routes() == other.routes()
    }
}

impl Serialize for Fib {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.routes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fib {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Route>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
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
}
