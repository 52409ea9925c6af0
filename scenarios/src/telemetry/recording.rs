//! What routers reported.

use std::collections::BTreeMap;

/// Nanoseconds since the Unix epoch.
pub type Nanos = i64;

/// Seconds between two instants.
pub fn seconds(from: Nanos, to: Nanos) -> f64 {
    to.saturating_sub(from) as f64 / 1e9
}

/// Rates of a port, as the router averages them over its load interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateSample {
    /// When it was reported.
    pub at: Nanos,
    /// Received, packets per second.
    pub packets_in: Option<f64>,
    /// Sent, packets per second.
    pub packets_out: Option<f64>,
    /// Received, kbit/s.
    pub data_in: Option<f64>,
    /// Sent, kbit/s.
    pub data_out: Option<f64>,
}

/// Counters of a port since some time in the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterSample {
    /// When it was reported.
    pub at: Nanos,
    /// Packets received.
    pub received: Option<u64>,
    /// Packets sent.
    pub sent: Option<u64>,
    /// Received packets that were dropped.
    pub input_drops: Option<u64>,
    /// Packets that were dropped before they were sent.
    pub output_drops: Option<u64>,
    /// Received packets with errors.
    pub input_errors: Option<u64>,
    /// Of these, those with a wrong checksum.
    pub crc_errors: Option<u64>,
    /// Changes of the carrier.
    pub carrier: Option<u64>,
}

/// A BFD session over a port: when its state was reported, and whether it was up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The other end.
    pub destination: String,
    /// Reports.
    pub states: Vec<(Nanos, bool)>,
}

/// A port of a router.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Port {
    /// The router.
    pub device: String,
    /// The port's name.
    pub interface: String,
    /// The port at the other end of its link, where known.
    pub peer: Option<u32>,
    /// Rates.
    pub rates: Vec<RateSample>,
    /// Counters.
    pub counters: Vec<CounterSample>,
    /// BFD sessions.
    pub sessions: Vec<Session>,
}

impl Port {
    /// Device and interface in one text.
    pub fn name(&self) -> String {
        format!("{} {}", self.device, self.interface)
    }

    /// Whether anything was reported.
    pub fn is_heard(&self) -> bool {
        !(self.rates.is_empty() && self.counters.is_empty() && self.sessions.is_empty())
    }

    /// Bits per second that it can carry, by its name, as routers name their ports.
    pub fn capacity(&self) -> Option<f64> {
        const SPEEDS: [(&str, f64); 9] = [
            ("fourhundredgig", 4e11),
            ("twohundredgig", 2e11),
            ("hundredgig", 1e11),
            ("fiftygig", 5e10),
            ("fortygig", 4e10),
            ("twentyfivegig", 2.5e10),
            ("tengig", 1e10),
            ("gigabit", 1e9),
            ("fastethernet", 1e8),
        ];
        let name = self.interface.to_lowercase();
        SPEEDS.iter().find(|(start, _)| name.starts_with(start)).map(|s| s.1)
    }
}

/// Everything that was reported, by port.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The ports.
    pub ports: Vec<Port>,
    numbers: BTreeMap<(String, String), u32>,
}

impl Recording {
    /// The number of a port; a new one if it has not been named yet. A name that is short for one known on the device
    /// (`Hu0/0/0/1` for `HundredGigE0/0/0/1`) is that port.
    pub fn port(&mut self, device: &str, interface: &str) -> u32 {
        if let Some(number) = self.find(device, interface) {
            return number;
        }
        let number = self.ports.len() as u32;
        let (device, interface) = (device.to_owned(), interface.to_owned());
        self.ports.push(Port { device: device.clone(), interface: interface.clone(), ..Port::default() });
        self.numbers.insert((device, interface), number);
        number
    }

    /// The number of a port that has been named.
    pub fn find(&self, device: &str, interface: &str) -> Option<u32> {
        let key = (device.to_owned(), interface.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        let of_device =
            self.numbers.range((device.to_owned(), String::new())..).take_while(|(k, _)| k.0 == device);
        let mut same = of_device.filter(|(k, _)| is_short_for(interface, &k.1)).map(|(_, number)| *number);
        let first = same.next()?;
        same.next().is_none().then_some(first)
    }

    /// The port that carries an interface: a subinterface's (`….100`) is its parent where that is known.
    pub fn carrier_of(&mut self, device: &str, interface: &str) -> u32 {
        let parent = interface.split_once('.').and_then(|(parent, _)| self.find(device, parent));
        parent.unwrap_or_else(|| self.port(device, interface))
    }

    /// Says that two ports are the ends of a link. The first word counts.
    pub fn connect(&mut self, a: u32, b: u32) {
        let free = |p: &Port| p.peer.is_none();
        if a != b
            && self.ports.get(a as usize).is_some_and(free)
            && self.ports.get(b as usize).is_some_and(free)
        {
            self.ports[a as usize].peer = Some(b);
            self.ports[b as usize].peer = Some(a);
        }
    }

    /// The devices by name, each with its ports.
    pub fn devices(&self) -> Vec<(&str, Vec<u32>)> {
        let mut devices = BTreeMap::<&str, Vec<u32>>::new();
        (0u32..).zip(&self.ports).for_each(|(i, p)| devices.entry(&p.device).or_default().push(i));
        devices.into_iter().collect()
    }
}

/// Whether two names are one port: the same numbers behind words of which one begins with the other.
fn is_short_for(a: &str, b: &str) -> bool {
    let split = |name: &str| {
        let at = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        (name[..at].trim().to_lowercase(), name[at..].to_owned())
    };
    let ((word_a, number_a), (word_b, number_b)) = (split(a), split(b));
    let words = word_a.starts_with(&word_b) || word_b.starts_with(&word_a);
    words && !word_a.is_empty() && !word_b.is_empty() && !number_a.is_empty() && number_a == number_b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_the_port_and_others_are_not() {
        let mut recording = Recording::default();
        let port = recording.port("leaf1", "HundredGigE0/0/0/1");
        assert_eq!(recording.find("leaf1", "Hu0/0/0/1"), Some(port));
        assert_eq!(recording.carrier_of("leaf1", "HundredGigE0/0/0/1.100"), port);
        for other in ["Hu0/0/0/11", "Te0/0/0/1", "0/0/0/1", "Hu"] {
            assert_eq!(recording.find("leaf1", other), None, "{other}");
        }
        assert_eq!(recording.find("leaf2", "Hu0/0/0/1"), None);
    }

    #[test]
    fn a_port_has_one_peer() {
        let mut recording = Recording::default();
        let [a, b, c] = ["a", "b", "c"].map(|d| recording.port(d, "xe-0/0/1"));
        recording.connect(a, b);
        recording.connect(c, b);
        assert_eq!(recording.ports.iter().map(|p| p.peer).collect::<Vec<_>>(), [Some(b), Some(a), None]);
    }
}
