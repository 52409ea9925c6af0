//! Which class a packet belongs to, by its differentiated services codepoint.

use super::meter::Colour;

/// A differentiated services codepoint: the upper six bits of IPv4's type of service and IPv6's traffic class (RFC 2474
/// §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dscp(u8);

impl Dscp {
    /// Default forwarding (RFC 2474 §4.1).
    pub const DEFAULT: Self = Self(0);
    /// Expedited forwarding (RFC 3246).
    pub const EXPEDITED: Self = Self(46);
    /// Capacity-admitted voice (RFC 5865).
    pub const VOICE_ADMIT: Self = Self(44);

    /// A codepoint, 0–63.
    pub const fn new(codepoint: u8) -> Option<Self> {
        if codepoint < 64 { Some(Self(codepoint)) } else { None }
    }

    /// The codepoint of a type-of-service or traffic-class byte; its lower two bits are ECN (RFC 3168 §5).
    pub const fn of_traffic_class(byte: u8) -> Self {
        Self(byte >> 2)
    }

    /// Class selector CS0–CS7 (RFC 2474 §4.2.2); the lower three bits of `precedence` count.
    pub const fn class_selector(precedence: u8) -> Self {
        Self((precedence & 7) << 3)
    }

    /// Assured forwarding AF11–AF43 (RFC 2597 §6): class 1–4, drop precedence 1–3.
    pub const fn assured(class: u8, precedence: u8) -> Option<Self> {
        match (class, precedence) {
            (1..=4, 1..=3) => Some(Self(8 * class + 2 * precedence)),
            _ => None,
        }
    }

    /// The number, 0–63.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The colour that the drop precedence of assured forwarding stands for (RFC 2597 §6; RFC 2697 §4); green for all
    /// other codepoints.
    pub const fn colour(self) -> Colour {
        match self.0 {
            12 | 20 | 28 | 36 => Colour::Yellow,
            14 | 22 | 30 | 38 => Colour::Red,
            _ => Colour::Green,
        }
    }
}

/// Whether a byte of type of service or traffic class says that the sender understands ECN: ECT(0), ECT(1), or CE
/// already (RFC 3168 §5).
pub const fn ecn_capable(traffic_class: u8) -> bool {
    traffic_class & 3 != 0
}

/// The class of each codepoint.
///
/// ```
/// use umbra_models::packet::discipline::{Dscp, DscpMap};
///
/// let map = DscpMap::aggregates();
/// assert_eq!(map.class(Dscp::EXPEDITED), DscpMap::REAL_TIME);
/// assert_eq!(map.class(Dscp::new(3).unwrap()), DscpMap::ELASTIC); // nobody's codepoint
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DscpMap([u8; 64]);

impl DscpMap {
    /// Class of routing protocols in [`aggregates`](Self::aggregates).
    pub const NETWORK_CONTROL: u8 = 0;
    /// Class of voice, video conferences and signalling.
    pub const REAL_TIME: u8 = 1;
    /// Class of what adapts but wants a minimum.
    pub const ASSURED_ELASTIC: u8 = 2;
    /// Class of everything else.
    pub const ELASTIC: u8 = 3;

    /// Every codepoint in one class.
    pub const fn all(class: u8) -> Self {
        Self([class; 64])
    }

    /// Eight classes by the upper three bits, CS7 first and default last: class selectors (RFC 2474 §4.2.2), with which a
    /// higher number is never served worse.
    pub fn precedence() -> Self {
        Self(std::array::from_fn(|codepoint| 7 - (codepoint as u8 >> 3)))
    }

    /// Four classes: the twelve service classes of RFC 4594 §2.3 in the four treatment aggregates of RFC 5127 §4.1.
    /// Codepoints that no service class uses are treated as default (RFC 2474 §3); CS7 and VOICE-ADMIT (RFC 5865) go with
    /// their neighbours.
    pub fn aggregates() -> Self {
        let assured = |class: u8| (1..=3).filter_map(move |precedence| Dscp::assured(class, precedence));
        let selector = Dscp::class_selector;
        let mut map = Self::all(Self::ELASTIC);
        for dscp in [selector(6), selector(7)] {
            map = map.with(dscp, Self::NETWORK_CONTROL);
        }
        let named = [Dscp::EXPEDITED, Dscp::VOICE_ADMIT, selector(5), selector(4), selector(3)];
        for dscp in named.into_iter().chain(assured(4)) {
            map = map.with(dscp, Self::REAL_TIME);
        }
        for dscp in [selector(2)].into_iter().chain((1..=3).flat_map(assured)) {
            map = map.with(dscp, Self::ASSURED_ELASTIC);
        }
        map
    }

    /// The same with another class for one codepoint.
    #[must_use]
    pub const fn with(mut self, dscp: Dscp, class: u8) -> Self {
        self.0[dscp.0 as usize] = class;
        self
    }

    /// The class of a codepoint.
    #[inline]
    pub const fn class(&self, dscp: Dscp) -> u8 {
        self.0[dscp.0 as usize]
    }

    /// The highest class that it names.
    pub(crate) fn last_class(&self) -> u8 {
        self.0.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_classes_fall_into_their_aggregates() {
        // RFC 4594 §2.3, figure 3, by service class; aggregates by RFC 5127 §4.1.
        let table: [(&[u8], u8); 12] = [
            (&[48], 0),         // network control CS6
            (&[46], 1),         // telephony EF
            (&[40], 1),         // signalling CS5
            (&[34, 36, 38], 1), // multimedia conferencing AF4
            (&[32], 1),         // real-time interactive CS4
            (&[26, 28, 30], 2), // multimedia streaming AF3
            (&[24], 1),         // broadcast video CS3
            (&[18, 20, 22], 2), // low-latency data AF2
            (&[16], 2),         // operations CS2
            (&[10, 12, 14], 2), // high-throughput data AF1
            (&[0], 3),          // standard
            (&[8], 3),          // low-priority data CS1
        ];
        let map = DscpMap::aggregates();
        for (codepoints, class) in table {
            for &codepoint in codepoints {
                assert_eq!(map.class(Dscp::new(codepoint).unwrap()), class, "codepoint {codepoint}");
            }
        }
    }

    #[test]
    fn drop_precedence_is_a_colour() {
        for class in 1..=4 {
            for (precedence, colour) in [(1, Colour::Green), (2, Colour::Yellow), (3, Colour::Red)] {
                assert_eq!(Dscp::assured(class, precedence).unwrap().colour(), colour);
            }
        }
        let coloured = (0..64).filter_map(Dscp::new).filter(|d| d.colour() != Colour::Green).count();
        assert_eq!(coloured, 8);
    }

    #[test]
    fn a_traffic_class_byte_holds_both_fields() {
        assert_eq!(Dscp::of_traffic_class(0xb8), Dscp::EXPEDITED);
        assert_eq!([0xb8, 0xb9, 0xba, 0xbb].map(ecn_capable), [false, true, true, true]);
    }

    #[test]
    fn class_selectors_keep_their_order() {
        let map = DscpMap::precedence();
        let classes: Vec<_> = (0..8).map(|p| map.class(Dscp::class_selector(p))).collect();
        assert_eq!(classes, [7, 6, 5, 4, 3, 2, 1, 0]);
        assert_eq!(map.class(Dscp::EXPEDITED), 2);
    }

    #[test]
    fn there_are_64_codepoints_and_12_assured_ones() {
        assert_eq!((Dscp::new(63).map(Dscp::get), Dscp::new(64)), (Some(63), None));
        assert_eq!(
            [Dscp::assured(0, 1), Dscp::assured(5, 1), Dscp::assured(1, 0), Dscp::assured(1, 4)],
            [None; 4]
        );
    }
}
