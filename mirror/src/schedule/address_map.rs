//! Which host of the twin an address belongs to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use twin::{EntityKey, InputError, Place, stable_hash};

/// A host or node that can send and receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its identity.
    pub key: EntityKey,
    /// Its name, as an address map writes it.
    pub name: String,
}

/// Places addresses on hosts.
#[derive(Clone, Debug)]
pub struct AddressMap {
    hosts: Vec<Host>,
    placing: Placing,
}

#[derive(Clone, Debug)]
enum Placing {
    /// By a hash of the address that no machine or version changes.
    Hashed,
    /// By the longest prefix that covers the address.
    Prefixes(Prefixes),
    /// By the longest block that covers the address; by a hash onto these hosts where none does.
    Owned(Prefixes, Vec<u32>),
}

/// Prefixes by their length, longest first.
type Prefixes = Vec<(u8, BTreeMap<IpNet, u32>)>;

/// Where the two ends of a conversation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The number of each end's host, `None` where nothing says it.
    pub hosts: [Option<u32>; 2],
    /// Whether an end was placed by hash: the network does not know its address.
    pub hashed: bool,
}

impl AddressMap {
    /// Spreads all addresses evenly over `hosts` by a stable hash.
    pub fn hashed(hosts: Vec<Host>) -> Self {
        Self { hosts, placing: Placing::Hashed }
    }

    /// Addresses in a block are on the block's host (the longest block wins, and the first of equal ones); all others are
    /// spread by a stable hash over the hosts of the numbers `others`.
    ///
    /// ```
    /// use umbra_mirror::schedule::{AddressMap, Host};
    /// use twin::EntityKey;
    ///
    /// let hosts = ["a", "b"].map(|name| Host { key: EntityKey::node(name), name: name.into() });
    /// let map = AddressMap::owned(hosts.into(), [("10.0.0.0/8".parse()?, 1)], vec![0, 1]);
    /// let ends = map.ends("10.2.3.4".parse()?, "192.0.2.1".parse()?);
    /// assert_eq!((ends.hosts, ends.hashed), ([Some(1), Some(0)], true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn owned(hosts: Vec<Host>, blocks: impl IntoIterator<Item = (IpNet, u32)>, others: Vec<u32>) -> Self {
        let mut by_len: BTreeMap<u8, BTreeMap<IpNet, u32>> = BTreeMap::new();
        for (block, host) in blocks {
            by_len.entry(block.prefix_len()).or_default().entry(block.trunc()).or_insert(host);
        }
        Self { hosts, placing: Placing::Owned(by_len.into_iter().rev().collect(), others) }
    }

    /// Reads a table `prefix,node`, one line per prefix (a bare address is a prefix of full length); empty lines and those
    /// that begin with `#` are skipped. Nodes are named by name or by key; the longest prefix wins.
    ///
    /// ```
    /// use umbra_mirror::schedule::{AddressMap, Host};
    /// use twin::EntityKey;
    ///
    /// let hosts = ["a", "b"].map(|name| Host { key: EntityKey::node(name), name: name.into() });
    /// let map = AddressMap::read("addr-map.csv", "prefix,node\n10.0.0.0/8,a\n10.1.0.7,b\n", hosts.into())?;
    /// assert_eq!(map.find("10.2.3.4".parse()?), Some(0));
    /// assert_eq!(map.find("10.1.0.7".parse()?), Some(1));
    /// assert_eq!(map.find("192.0.2.1".parse()?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A wrong header, a line that is not a prefix and a node, an unknown node, a prefix on two nodes: each with its line.
    pub fn read(file: &str, text: &str, hosts: Vec<Host>) -> Result<Self, InputError> {
        let mut lines =
            (1_u64..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
        match lines.next() {
            Some((_, header)) if cells(header) == Some(("prefix", "node")) => {}
            Some((line, header)) => {
                return Err(InputError::new(
                    file,
                    Place::Line(line),
                    format!("header '{header}'"),
                    "'prefix,node'",
                ));
            }
            None => return Err(InputError::new(file, Place::Whole, "no header", "'prefix,node'")),
        }
        let numbers = host_numbers(&hosts);
        let mut by_len: BTreeMap<u8, BTreeMap<IpNet, u32>> = BTreeMap::new();
        for (line, text) in lines {
            let (prefix, host) = entry(file, line, text, &numbers)?;
            let earlier = by_len.entry(prefix.prefix_len()).or_default().insert(prefix, host);
            if let Some(earlier) = earlier.filter(|&earlier| earlier != host) {
                let what = format!("{prefix} is on '{}' already", hosts[earlier as usize].name);
                return Err(InputError::new(file, Place::Line(line), what, "each prefix on one node"));
            }
        }
        let placing = Placing::Prefixes(by_len.into_iter().rev().collect());
        Ok(Self { hosts, placing })
    }

    /// The number of the host that this address is on.
    pub fn find(&self, address: IpAddr) -> Option<u32> {
        match &self.placing {
            Placing::Hashed => Some(position(address, self.hosts.len())? as u32),
            Placing::Prefixes(prefixes) => longest(prefixes, address),
            Placing::Owned(blocks, others) => {
                longest(blocks, address).or_else(|| others.get(position(address, others.len())?).copied())
            }
        }
    }

    /// The hosts of two addresses that talk with each other. Where a hash would put both on one host, the second goes to
    /// the next host, or the first if the second has no choice.
    pub fn ends(&self, a: IpAddr, b: IpAddr) -> Ends {
        let Placing::Owned(blocks, others) = &self.placing else {
            let hashed = matches!(self.placing, Placing::Hashed);
            return Ends { hosts: [self.find(a), self.find(b)], hashed };
        };
        let known = [a, b].map(|address| longest(blocks, address));
        let mut hosts = [self.find(a), self.find(b)];
        if hosts[0] == hosts[1]
            && a != b
            && let Some(end) = known.iter().rposition(Option::is_none)
        {
            let at = others.iter().position(|&host| Some(host) == hosts[end]);
            hosts[end] = at.map(|at| others[(at + 1) % others.len()]);
        }
        Ends { hosts, hashed: known.contains(&None) }
    }

    /// The keys of the hosts, by number.
    pub fn endpoints(&self) -> Vec<EntityKey> {
        self.hosts.iter().map(|host| host.key.clone()).collect()
    }
}

/// The host of the longest prefix that covers an address.
fn longest(prefixes: &Prefixes, address: IpAddr) -> Option<u32> {
    prefixes.iter().find_map(|(len, prefixes)| {
        let prefix = IpNet::new(address, *len).ok()?.trunc();
        prefixes.get(&prefix).copied()
    })
}

/// The position of an address among so many, the same on every machine; `None` among none.
fn position(address: IpAddr, among: usize) -> Option<usize> {
    let hash = match address {
        IpAddr::V4(v4) => stable_hash(&[&v4.octets()]),
        IpAddr::V6(v6) => stable_hash(&[&v6.octets()]),
    };
    Some(hash.checked_rem(among as u64)? as usize)
}

/// The two cells of a line.
fn cells(line: &str) -> Option<(&str, &str)> {
    let (a, b) = line.split_once(',')?;
    (!b.contains(',')).then_some((a.trim(), b.trim()))
}

fn host_numbers(hosts: &[Host]) -> BTreeMap<&str, u32> {
    let mut numbers = BTreeMap::new();
    for (number, host) in (0_u32..).zip(hosts) {
        numbers.entry(host.key.as_str()).or_insert(number);
        numbers.entry(host.name.as_str()).or_insert(number);
    }
    numbers
}

fn entry(
    file: &str,
    line: u64,
    text: &str,
    numbers: &BTreeMap<&str, u32>,
) -> Result<(IpNet, u32), InputError> {
    let error = |what: String, expected: &str| InputError::new(file, Place::Line(line), what, expected);
    let (prefix, node) =
        cells(text).ok_or_else(|| error(format!("'{text}'"), "two cells: a prefix and a node"))?;
    let parsed = prefix.parse::<IpNet>().or_else(|_| prefix.parse::<IpAddr>().map(IpNet::from));
    let parsed = parsed.map_err(|_| {
        error(
            format!("'{prefix}' is no prefix"),
            "an address or a prefix such as 10.0.0.0/8 or 2001:db8::/32",
        )
    })?;
    let Some(&host) = numbers.get(node) else {
        return Err(error(format!("unknown node '{node}'"), "a node of the network")
            .with_nearest(node, numbers.keys().copied()));
    };
    Ok((parsed.trunc(), host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<Host> {
        names.iter().map(|name| Host { key: EntityKey::node(name), name: (*name).to_owned() }).collect()
    }

    fn error(table: &str) -> String {
        AddressMap::read("m.csv", table, hosts(&["NYCMng", "WASHng"])).unwrap_err().to_string()
    }

    #[test]
    fn faults_are_named_with_their_line() {
        let table = |line: &str| error(&format!("prefix,node\n# comment\n{line}\n"));
        assert_eq!(
            table("10.0.0.0/8,NYCMnf"),
            "m.csv:3: unknown node 'NYCMnf'; expected a node of the network; did you mean 'NYCMng'?"
        );
        assert_eq!(
            table("10.0.0.0/33,NYCMng"),
            "m.csv:3: '10.0.0.0/33' is no prefix; expected an address or a prefix such as 10.0.0.0/8 or 2001:db8::/32"
        );
        assert_eq!(table("10.0.0.0/8"), "m.csv:3: '10.0.0.0/8'; expected two cells: a prefix and a node");
        assert_eq!(
            table("10.0.0.0/8,NYCMng\n10.9.9.9/8,WASHng"),
            "m.csv:4: 10.0.0.0/8 is on 'NYCMng' already; expected each prefix on one node"
        );
        assert_eq!(error("node,prefix\n"), "m.csv:1: header 'node,prefix'; expected 'prefix,node'");
        assert_eq!(error(""), "m.csv: no header; expected 'prefix,node'");
    }

    #[test]
    fn the_longest_prefix_wins_in_each_family() {
        let table = "prefix,node\n0.0.0.0/0,NYCMng\n10.0.0.0/8,WASHng\n10.0.0.1,NYCMng\n::/0,WASHng\n";
        let map = AddressMap::read("m.csv", table, hosts(&["NYCMng", "WASHng"])).unwrap();
        let find = |address: &str| map.find(address.parse().unwrap());
        assert_eq!(find("192.0.2.1"), Some(0));
        assert_eq!(find("10.0.0.2"), Some(1));
        assert_eq!(find("10.0.0.1"), Some(0));
        assert_eq!(find("2001:db8::1"), Some(1));
    }

    #[test]
    fn strangers_that_talk_are_never_on_one_host() {
        let blocks = [("10.0.0.0/8", 1), ("10.0.0.0/8", 2), ("10.1.0.0/16", 0)];
        let blocks = blocks.map(|(block, host)| (block.parse().unwrap(), host));
        let map = AddressMap::owned(hosts(&["a", "b", "c", "d"]), blocks, vec![1, 3]);
        let ends = |a: [u8; 4], b: [u8; 4]| map.ends(IpAddr::from(a), IpAddr::from(b));
        assert_eq!(ends([10, 9, 9, 9], [10, 1, 0, 0]), Ends { hosts: [Some(1), Some(0)], hashed: false });
        assert_eq!(ends([10, 9, 9, 9], [10, 9, 9, 8]).hosts, [Some(1); 2], "the network says so");
        for i in 0..32 {
            for (a, b) in [([192, 0, 2, i], [198, 51, 100, 7]), ([10, 0, 0, 1], [192, 0, 2, i])] {
                for Ends { hosts: [a, b], hashed } in [ends(a, b), ends(b, a)] {
                    assert!(hashed && a != b && [a, b].iter().all(|h| [Some(1), Some(3)].contains(h)));
                }
            }
        }
        assert_eq!(
            ends([192, 0, 2, 1], [192, 0, 2, 1]).hosts[0],
            ends([192, 0, 2, 1], [192, 0, 2, 1]).hosts[1]
        );
    }

    #[test]
    fn hashing_is_pinned_and_needs_hosts() {
        let map = AddressMap::hashed(hosts(&["a", "b", "c", "d", "e"]));
        let found: Vec<_> = (0..8).map(|i| map.find(IpAddr::from([10, 0, 0, i])).unwrap()).collect();
        expect_test::expect!["[4, 1, 3, 1, 2, 4, 0, 2]"].assert_eq(&format!("{found:?}"));
        assert_eq!(AddressMap::hashed(Vec::new()).find(IpAddr::from([10, 0, 0, 1])), None);
    }
}
