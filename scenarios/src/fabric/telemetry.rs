//! What of a case's flows a telemetry mode lets one use.
//!
//! A row of a flows file always holds the path. How much of it may be used is a question of how the flows were collected:
//! a judge that looks at more than its mode grants proves nothing.

use super::flows::Report;

/// Hosts are named by this number and their index.
pub const HOSTS: u32 = 10_000;

/// One flow or probe as a file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// 0: application flow; 1: probe from a host to a switch; 2: and back.
    pub probe: u32,
    /// The index of the host where it begins; of a probe the host.
    pub src: u32,
    /// The index of the host where it ends; of a probe the switch by name.
    pub dst: u32,
    /// Which of its shortest paths it took, in lexicographic order.
    pub path: Option<u32>,
    /// Packets sent.
    pub sent: u32,
    /// Packets lost.
    pub lost: u32,
}

/// How flows were collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Whether there are probes; their paths are known.
    pub probes: bool,
    /// Which application flows are reported.
    pub application: Application,
}

/// Which application flows are reported, and what of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// None.
    Nothing,
    /// All, with their paths.
    Traced,
    /// All, with the paths of those that lost something.
    LossyTraced,
    /// All, without paths.
    Untraced,
    /// Those that lost something, with their paths; no others.
    LossyAlone,
}

impl Telemetry {
    /// The modes by name.
    pub const MODES: [(&'static str, Self); 7] = [
        ("INT", Self { probes: true, application: Application::Traced }),
        ("A1", Self { probes: true, application: Application::Nothing }),
        ("A2", Self { probes: false, application: Application::LossyAlone }),
        ("P", Self { probes: false, application: Application::Untraced }),
        ("A1+P", Self { probes: true, application: Application::Untraced }),
        ("A2+P", Self { probes: false, application: Application::LossyTraced }),
        ("A1+A2+P", Self { probes: true, application: Application::LossyTraced }),
    ];

    /// The mode of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::MODES.into_iter().find(|(n, _)| *n == name).map(|(_, mode)| mode)
    }

    /// Whether only flows with a loss are reported.
    pub fn lossy_only(self) -> bool {
        self.application == Application::LossyAlone
    }

    /// Whether links that carry nothing can be seen: all paths are known.
    pub fn all_paths(self) -> bool {
        matches!(self.application, Application::Traced | Application::Nothing)
    }

    /// What the mode grants of a row; none if it does not report it.
    pub fn report(self, row: &Row) -> Option<Report> {
        let host = row.src.saturating_add(HOSTS);
        let (src, dst) = match row.probe {
            0 => (host, row.dst.saturating_add(HOSTS)),
            1 => (host, row.dst),
            _ => (row.dst, host),
        };
        let path = match (row.probe, self.application) {
            (0, Application::Nothing) => return None,
            (0, Application::LossyAlone) if row.lost == 0 => return None,
            (0, Application::Traced | Application::LossyAlone) => row.path,
            (0, Application::LossyTraced) => row.path.filter(|_| row.lost > 0),
            (0, Application::Untraced) => None,
            _ if self.probes => row.path,
            _ => return None,
        };
        Some(Report { src, dst, path, sent: row.sent, lost: row.lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mode_grants_more_than_its_name_says() {
        let flow = |lost| Row { probe: 0, src: 1, dst: 2, path: Some(3), sent: 9, lost };
        let probe = Row { probe: 2, dst: 7, ..flow(0) };
        let seen = |mode: &str, row: &Row| {
            Telemetry::named(mode).and_then(|m| m.report(row)).map(|r| (r.src, r.path))
        };
        // Lossy flow, clean flow, probe: not reported, without a path, or with one.
        let (known, hidden) = (Some((10_001, Some(3))), Some((10_001, None)));
        for (mode, expected) in [
            ("INT", [known, known, Some((7, Some(3)))]),
            ("A1", [None, None, Some((7, Some(3)))]),
            ("A2", [known, None, None]),
            ("P", [hidden, hidden, None]),
            ("A1+P", [hidden, hidden, Some((7, Some(3)))]),
            ("A2+P", [known, hidden, None]),
            ("A1+A2+P", [known, hidden, Some((7, Some(3)))]),
        ] {
            assert_eq!([&flow(1), &flow(0), &probe].map(|row| seen(mode, row)), expected, "{mode}");
        }
        assert_eq!(Telemetry::named("A3"), None);
    }
}
