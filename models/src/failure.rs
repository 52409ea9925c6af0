//! Failure models: how often things break, by name and with the source.
//!
//! Published rates differ by a factor of fifty, so none is a hidden constant: a result names its preset.

/// A published share of downtime.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// The preset's name.
    pub name: &'static str,
    /// Where the numbers come from.
    pub source: &'static str,
    /// How well they are known: `published`, `second-hand` (quoted by another publication) or `unverified`.
    pub mark: &'static str,
    /// The share of time that a link is down; 0 where each link has its own.
    pub link_down: f64,
    /// The share of time that a node is down; 0 where none is published, or where nodes differ.
    pub node_down: f64,
}

/// Links of a regional network: the same share of downtime for each.
pub const WAN_CENIC: Published = Published {
    name: "wan-cenic",
    source: "0.005 of the time down per link: Turner et al., SIGCOMM 2010, Table 4 (CENIC: 1.2-2.7 days per WAN \
             link-year, 0.33-0.74 %)",
    mark: "second-hand",
    link_down: 0.005,
    node_down: 0.0,
};

/// Fibre by length: longer links break more often.
pub const WAN_FIBRE_KM: Published = Published {
    name: "wan-fibre-km",
    source: "mean time between failures 450 years x km / length, repair 24 h: figures of a public course project on \
             fibre (0.0061 per 1,000 km)",
    mark: "published",
    link_down: 0.0,
    node_down: 0.0,
};

/// A downtime drawn for each link.
pub const WAN_TEAVAR: Published = Published {
    name: "wan-teavar",
    source: "downtime per link drawn from Weibull(shape 0.8, scale 1e-4): code of TeaVaR, SIGCOMM 2019",
    mark: "published",
    link_down: 0.0,
    node_down: 0.0,
};

/// Links and devices of a data centre; how often a device fails goes by its place.
pub const DC_GILL: Published = Published {
    name: "dc-gill",
    source: "Gill et al., SIGCOMM 2011, Figs 8c, 9c: 0.0008 of the time down per link; 5 % of top-of-rack and 10 % of \
             aggregation devices fail in a year; repaired in 10 h (Meza et al., IMC 2018, unverified)",
    mark: "second-hand",
    link_down: 0.0008,
    node_down: 0.0,
};

/// Links and nodes, alike everywhere.
pub const UNIFORM_NETDICE: Published = Published {
    name: "uniform-netdice",
    source: "link 0.001, node 0.0001 of the time down: experiments of NetDice (Steffen et al., SIGCOMM 2020)",
    mark: "published",
    link_down: 0.001,
    node_down: 0.0001,
};

/// Shares of the devices of a data centre that fail in a year: at the top of a rack, and above it (Gill et al., SIGCOMM
/// 2011).
pub const DEVICES_FAIL_A_YEAR: (f64, f64) = (0.05, 0.10);

/// Mean time to repair where a publication gives only the share of downtime: 10 h, the median of Meza et al., IMC 2018,
/// for backbone edges (unverified).
pub const REPAIR_H: f64 = 10.0;

/// Mean time to repair of fibre.
pub const FIBRE_REPAIR_H: f64 = 24.0;

/// The years times kilometres between two cuts of a fibre.
pub const FIBRE_YEAR_KM: f64 = 450.0;

/// Shape and scale of the Weibull distribution from which TeaVaR draws downtimes.
pub const TEAVAR_WEIBULL: (f64, f64) = (0.8, 1e-4);

/// The share of unplanned events that hit several links: Markopoulou et al., INFOCOM 2004.
pub const GROUP_EVENTS: f64 = 0.3;

/// Failure rates per hour of operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureModel {
    /// The preset's name.
    pub name: &'static str,
    /// Where the numbers come from.
    pub source: &'static str,
    /// A link goes down, per link-hour.
    pub link_down_per_h: f64,
    /// A node goes down, per node-hour.
    pub node_down_per_h: f64,
    /// One direction of a link begins to lose packets silently, per half-link-hour. No publication gives it; component
    /// faults of this kind are put at 1e-4 to 1e-6 per hour, and the presets take the frequent end, which makes the
    /// ranking slower to say *none*.
    pub gray_loss_per_h: f64,
    /// A link silently loses part of its capacity (a bundle member, say), per half-link-hour; the rare end of the same
    /// range.
    pub capacity_loss_per_h: f64,
}

/// Downtime as a rate; a publication without nodes leaves them a tenth of its links.
const fn rates(published: Published) -> FailureModel {
    let link = published.link_down;
    let node = if published.node_down > 0.0 { published.node_down } else { link / 10.0 };
    FailureModel {
        name: published.name,
        source: published.source,
        link_down_per_h: link / (1.0 - link) / REPAIR_H,
        node_down_per_h: node / (1.0 - node) / REPAIR_H,
        gray_loss_per_h: 1e-4,
        capacity_loss_per_h: 1e-6,
    }
}

/// Those with one share for every link.
pub const PRESETS: [FailureModel; 2] = [rates(WAN_CENIC), rates(UNIFORM_NETDICE)];

impl FailureModel {
    /// The preset of this name.
    pub fn preset(name: &str) -> Option<FailureModel> {
        PRESETS.into_iter().find(|p| p.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_repair_give_back_the_published_downtime() {
        let cenic = FailureModel::preset("wan-cenic").unwrap();
        let downtime = cenic.link_down_per_h * REPAIR_H / (1.0 + cenic.link_down_per_h * REPAIR_H);
        assert!((downtime - 0.005).abs() < 1e-12);
        assert!(FailureModel::preset("wan").is_none());
    }
}
