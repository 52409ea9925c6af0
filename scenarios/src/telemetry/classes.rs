//! What each class of cause does. A new class is an entry here.

use models::failure::FailureModel;

use super::change::Kind;
use super::signs::Sign;

/// A class of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A link goes down.
    LinkDown,
    /// A link comes up.
    LinkUp,
    /// A link goes down and comes up again at once.
    LinkFlap,
    /// A BFD session goes down over a link that stays up.
    BfdDown,
    /// A BFD session comes up over a link that was up.
    BfdUp,
    /// A link loses packets that are sent into it.
    LinkLoss,
    /// Packets are dropped in front of a port that is full.
    Congestion,
    /// A router swallows packets.
    BlackHole,
    /// A router loses several of its links.
    Device,
}

/// What a class does to a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It changes.
    Changes,
    /// It may.
    May,
    /// It does if a sample falls into it.
    Seldom,
    /// It does nothing: what happens there happens by chance.
    Nothing,
}

/// A series that ought to change does not: late samples, a poll that missed it.
pub const MISSED: f64 = 0.02;

impl Class {
    /// Those of a link, of either end.
    pub const OF_LINKS: [Class; 5] =
        [Self::LinkDown, Self::LinkUp, Self::LinkFlap, Self::BfdDown, Self::BfdUp];
    /// Those of one direction of a link.
    pub const OF_DIRECTIONS: [Class; 2] = [Self::LinkLoss, Self::Congestion];
    /// All, by number.
    pub const ALL: [Class; 9] = [
        Self::LinkDown,
        Self::LinkUp,
        Self::LinkFlap,
        Self::BfdDown,
        Self::BfdUp,
        Self::LinkLoss,
        Self::Congestion,
        Self::BlackHole,
        Self::Device,
    ];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinkDown => "link_down",
            Self::LinkUp => "link_up",
            Self::LinkFlap => "link_flap",
            Self::BfdDown => "bfd_down",
            Self::BfdUp => "bfd_up",
            Self::LinkLoss => "link_loss",
            Self::Congestion => "congestion",
            Self::BlackHole => "blackhole",
            Self::Device => "device",
        }
    }

    /// How often it happens, per hour and element. Sessions that fail over links that stay up, and links that flap, are as
    /// frequent as links that fail (Turner et al., SIGCOMM 2010); so is a queue that overflows, here.
    pub fn per_hour(self, model: &FailureModel) -> f64 {
        match self {
            Self::LinkDown
            | Self::LinkUp
            | Self::LinkFlap
            | Self::BfdDown
            | Self::BfdUp
            | Self::Congestion => model.link_down_per_h,
            Self::LinkLoss | Self::BlackHole => model.gray_loss_per_h,
            Self::Device => model.node_down_per_h,
        }
    }

    fn effect(self, kind: Kind, losses_are_counted: bool) -> Effect {
        use Effect::{Changes, May, Nothing, Seldom};
        match (self, kind) {
            (Self::LinkDown | Self::LinkUp | Self::LinkFlap, Kind::Carrier)
            | (Self::LinkDown | Self::BfdDown, Kind::SessionDown)
            | (Self::LinkUp | Self::BfdUp, Kind::SessionUp)
            | (Self::LinkDown, Kind::TrafficStops)
            | (Self::LinkLoss, Kind::LinkLoss)
            | (Self::Congestion, Kind::OutputDrops | Kind::Full)
            | (Self::BlackHole, Kind::Deficit) => Changes,
            // Where no counter of the other end tells the loss, errors must.
            (Self::LinkLoss, Kind::Errors) if !losses_are_counted => Changes,
            (Self::LinkLoss, Kind::Errors)
            | (Self::BfdDown, Kind::TrafficStops)
            | (Self::LinkUp | Self::BfdUp, Kind::TrafficStarts) => May,
            (Self::LinkFlap, Kind::SessionDown | Kind::TrafficStops) => Seldom,
            _ => Nothing,
        }
    }

    /// How much likelier a sign is if this is the cause than if nothing is.
    pub fn log_ratio(self, sign: &Sign, losses_are_counted: bool) -> f64 {
        let probability = match self.effect(sign.kind, losses_are_counted) {
            Effect::Changes => 1.0 - MISSED,
            Effect::May => 0.5,
            Effect::Seldom => 0.1,
            Effect::Nothing => return 0.0,
        };
        log_ratio(sign, probability)
    }

    /// Whether this is what changes the sign, if it changes.
    pub fn explains(self, sign: &Sign) -> bool {
        self.effect(sign.kind, false) != Effect::Nothing
    }

    /// Whether the sign has to change if this is the cause.
    pub fn demands(self, sign: &Sign, losses_are_counted: bool) -> bool {
        self.effect(sign.kind, losses_are_counted) == Effect::Changes
    }
}

/// How much likelier a sign is if it changes with this probability than by chance.
pub fn log_ratio(sign: &Sign, probability: f64) -> f64 {
    let of = |p: f64| libm::log(if sign.changed { p } else { 1.0 - p });
    of(probability) - of(sign.chance)
}
