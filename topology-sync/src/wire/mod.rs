//! What passes on a wire: frames and captures turned into observations.
//!
//! [`Listener::frame`] is a function from the bytes of one frame to what they say; [`read_capture`] does that for each
//! frame of a pcap or pcapng file. LLDP (IEEE 802.1AB), CDP, OSPFv2 (RFC 2328), OSPFv3 (RFC 5340) and IS-IS
//! (ISO/IEC 10589) are decoded here, from the standards' own layouts.
//!
//! A listener never originates: there is no encoder and no socket in this module, and data goes one way, in.
//!
//! All who are heard on one wire (a capture, or one interface of it, or one VLAN there) are on one medium. Where the link
//! layer tells which frames the capturing machine sent itself, the wire also says whose end it is: a [`Link`] without a
//! name, with that interface's index and hardware address.
//!
//! ```
//! use twin::WallTime;
//! use umbra_topology_sync::observation::{Fact, Said};
//! use umbra_topology_sync::wire::Listener;
//!
//! let mut frame = b"\x01\x80\xc2\x00\x00\x0e\x02\x00\x00\x00\x00\x09\x88\xcc".to_vec();
//! frame.extend(b"\x02\x05\x07leaf\x04\x05\x05eth1\x06\x02\x00\x78\x00\x00"); // chassis id, port id, 120 s, end
//! let mut listener = Listener::new("tap");
//! let said = listener.frame(WallTime::from_ns(0), None, 1, &frame);
//! let Said::Is(fact, Some(lifetime)) = &said[0].said else { panic!("{said:?}") };
//! let Fact::Neighbor(neighbor) = &**fact else { panic!("{fact:?}") };
//! assert_eq!((neighbor.chassis.id.value.as_str(), neighbor.port.value.as_str()), ("leaf", "eth1"));
//! assert_eq!(lifetime.as_secs(), 120);
//! ```

pub mod capture;
mod cdp;
mod checksum;
mod cursor;
pub(crate) mod frame;
mod heard;
mod ip;
mod isis;
mod lldp;
mod ospf;

use std::collections::BTreeMap;

use twin::{Diagnostic, InputError, WallTime};

use self::frame::{Frame, Payload};
use self::heard::Heard;
use crate::observation::{Fact, Link, Observation, Observer};

/// What a capture says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The observations, in the order of the frames.
    pub observations: Vec<Observation>,
    /// How many packets of each kind were read, by a word such as `ospf-hello`.
    pub counts: BTreeMap<&'static str, u64>,
    /// The damage that ended the capture, if one did: everything before it counts.
    pub damage: Option<InputError>,
}

/// Reads a capture (pcap or pcapng, told by its content) that messages call `name`; broken packets are counted in
/// `diagnostics`.
///
/// # Errors
/// Bytes that are no capture.
pub fn read_capture(
    name: &str,
    bytes: &[u8],
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Reading, InputError> {
    let mut listener = Listener::new(name);
    let (mut observations, mut frames) = (Vec::new(), 0_u64);
    let end = capture::read(name, bytes, |r| {
        frames += 1;
        observations.extend(listener.frame(r.at, r.interface, r.link_type, r.data));
    });
    let damage = match end {
        Err(error) if frames == 0 => return Err(error),
        end => end.err(),
    };
    diagnostics.append(&mut listener.tally.diagnostics);
    Ok(Reading { observations, counts: listener.tally.counts, damage })
}

/// Hears frames. It keeps nothing of them but counts, so its memory does not grow.
#[derive(Clone, Debug)]
pub struct Listener {
    name: String,
    capture: Observer,
    tally: Tally,
}

impl Listener {
    /// A listener at a capture or tap of this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), capture: Observer::wire(name, None), tally: Tally::default() }
    }

    /// What a frame says. `interface` tells interfaces of one tap apart (SLL2 frames bear it themselves); `link_type` is
    /// numbered as in captures (<https://www.tcpdump.org/linktypes.html>).
    pub fn frame(
        &mut self,
        at: WallTime,
        interface: Option<u32>,
        link_type: u16,
        bytes: &[u8],
    ) -> Vec<Observation> {
        match frame::read(link_type, bytes) {
            Ok(Some(frame)) => self.payload(at, interface, &frame),
            Ok(None) => {
                let message = || format!("{}: frames of link type {link_type} were not read", self.name);
                Diagnostic::count(&mut self.tally.diagnostics, "unknown-link-type", message);
                Vec::new()
            }
            Err(why) => {
                self.tally.broken("frame-broken", &self.name, at, why);
                Vec::new()
            }
        }
    }

    /// How many packets of each kind were heard.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.tally.counts
    }

    /// What was broken, by kind.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.tally.diagnostics
    }

    fn payload(&mut self, at: WallTime, interface: Option<u32>, frame: &Frame<'_>) -> Vec<Observation> {
        if matches!(frame.payload, Payload::Other) {
            return Vec::new();
        }
        let interface = frame.interface.or(interface);
        let wire = self.wire(interface, frame);
        let mut heard = Heard {
            at,
            wire,
            capture: &self.capture,
            mac: frame.mac,
            observations: Vec::new(),
            tally: &mut self.tally,
        };
        match frame.payload {
            Payload::Lldp(bytes) => lldp::read(bytes, &mut heard),
            Payload::Cdp(bytes) => cdp::read(bytes, &mut heard),
            Payload::Isis(bytes) => isis::read(bytes, &mut heard),
            Payload::Ip(bytes) => ip::read(bytes, &mut heard),
            Payload::Other => {}
        }
        let mut observations = heard.observations;
        if let (Some(said), Some(true), Some(mac)) = (observations.first(), frame.outgoing, frame.mac) {
            let own = Link { ifindex: frame.interface, mac: Some(mac), ..Link::default() };
            let own = Observation::is(&self.wire(interface, frame), said.source, at, Fact::Link(own.into()));
            observations.push(own);
        }
        observations
    }

    /// The medium of a frame. LLDP and CDP speak of the cable, whatever tag a sender puts on them; where the interfaces of
    /// a capture cannot be told apart, nobody is on one medium with anybody.
    fn wire(&self, interface: Option<u32>, frame: &Frame<'_>) -> Observer {
        let of_cable = matches!(frame.payload, Payload::Lldp(_) | Payload::Cdp(_));
        match (frame.mixed, frame.mac, frame.vlan.filter(|_| !of_cable)) {
            (true, Some(mac), _) => Observer::wire(&format!("{}@{mac}", self.name), interface),
            (_, _, Some(vlan)) => Observer::wire(&format!("{}@{vlan}", self.name), interface),
            (_, _, None) => Observer::wire(&self.name, interface),
        }
    }
}

/// Counts of what was heard; as many entries as there are words in this module.
#[derive(Clone, Debug, Default)]
struct Tally {
    counts: BTreeMap<&'static str, u64>,
    diagnostics: Vec<Diagnostic>,
}

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn broken(&mut self, code: &'static str, place: &str, at: WallTime, why: &str) {
        Diagnostic::count(&mut self.diagnostics, code, || {
            format!("{place}: the first at {} ns: {why}", at.as_ns())
        });
    }
}
