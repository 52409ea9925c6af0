//! Failure models: how often things break, by name and with the source.
//!
//! Published rates differ by a factor of fifty, so none is a hidden constant: a result names its preset.

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

/// Mean time to repair behind the conversion of downtime shares into rates: 10 h, the median of Meza et al., IMC 2018,
/// for backbone edges.
const REPAIR_H: f64 = 10.0;

const fn from_downtime(name: &'static str, source: &'static str, link: f64, node: f64) -> FailureModel {
    FailureModel {
        name,
        source,
        link_down_per_h: link / (1.0 - link) / REPAIR_H,
        node_down_per_h: node / (1.0 - node) / REPAIR_H,
        gray_loss_per_h: 1e-4,
        capacity_loss_per_h: 1e-6,
    }
}

/// The presets.
pub const PRESETS: [FailureModel; 2] = [
    from_downtime(
        "wan-cenic",
        "0.005 of the time down per link: Turner et al., SIGCOMM 2010 (CENIC, 0.33-0.74 %); nodes a tenth of links",
        0.005,
        0.0005,
    ),
    from_downtime(
        "uniform-netdice",
        "link 0.001, node 0.0001 of the time down: Steffen et al., NetDice, SIGCOMM 2020, experiments",
        0.001,
        0.0001,
    ),
];

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
