//! Published failure numbers by name. They differ by a factor of fifty, so no result stands without its preset.

use std::fmt;
use std::str::FromStr;

use models::failure::{self, Published};
use twin::nearest;

/// Where the failure probabilities of a study come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preset {
    /// Links of a regional network: the same share of downtime for each.
    WanCenic,
    /// Fibre by length: longer links break more often.
    WanFibreKm,
    /// A downtime drawn for each link.
    WanTeavar,
    /// Links and devices of a data centre.
    DcGill,
    /// Links and nodes, alike everywhere.
    UniformNetdice,
    /// Each link is down with this probability, and no node ever is.
    Links(f64),
    /// Each link fails after this mean time and is repaired in this mean time, in hours.
    Repaired {
        /// Mean time between the end of a repair and the next failure.
        mtbf_h: f64,
        /// Mean time to repair.
        mttr_h: f64,
    },
}

/// What a preset has to say for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Where the numbers come from.
    pub source: &'static str,
    /// How well they are known: `published`, `second-hand` (quoted by another publication), `unverified` or `given`.
    pub mark: &'static str,
}

/// The presets with a name of their own.
const NAMED: [(Published, Preset); 5] = [
    (failure::WAN_CENIC, Preset::WanCenic),
    (failure::WAN_FIBRE_KM, Preset::WanFibreKm),
    (failure::WAN_TEAVAR, Preset::WanTeavar),
    (failure::DC_GILL, Preset::DcGill),
    (failure::UNIFORM_NETDICE, Preset::UniformNetdice),
];

const GIVEN: Citation = Citation { source: "given on the command line", mark: "given" };

/// How to write a preset.
const PRESET_FORMS: &str =
    "wan-cenic|wan-fibre-km|wan-teavar|dc-gill|uniform-netdice|p=P|mtbf=HOURS,mttr=HOURS";

impl Preset {
    /// Where its numbers come from.
    pub fn citation(&self) -> Citation {
        self.published().map_or(GIVEN, |p| Citation { source: p.source, mark: p.mark })
    }

    /// The publication, where it is one.
    pub(super) fn published(&self) -> Option<Published> {
        NAMED.iter().find(|(_, preset)| preset == self).map(|(published, _)| *published)
    }

    /// The preset that a result is held against, unless another is asked for: an answer that does not survive it hangs on
    /// the preset.
    pub fn second(&self) -> Preset {
        if *self == Preset::WanCenic { Preset::WanTeavar } else { Preset::WanCenic }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Links(p) => write!(f, "p={p}"),
            Self::Repaired { mtbf_h, mttr_h } => write!(f, "mtbf={mtbf_h},mttr={mttr_h}"),
            named => f.write_str(named.published().map_or("", |published| published.name)),
        }
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, preset)) = NAMED.iter().find(|(published, _)| published.name == text) {
            return Ok(*preset);
        }
        if let Some(p) = text.strip_prefix("p=") {
            let p = p.parse().ok().filter(|p| (0.0..=1.0).contains(p));
            return p.map(Self::Links).ok_or_else(|| "expected p=P with P from 0 to 1".to_owned());
        }
        if text.starts_with("mtbf=") || text.starts_with("mttr=") {
            return repaired(text).ok_or_else(|| "expected mtbf=HOURS,mttr=HOURS, both above 0".to_owned());
        }
        let near = nearest(text, NAMED.iter().map(|(published, _)| published.name));
        let hint = near.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default();
        Err(format!("expected {PRESET_FORMS}{hint}"))
    }
}

fn repaired(text: &str) -> Option<Preset> {
    let (a, b) = text.split_once(',')?;
    let (mtbf, mttr) = if a.starts_with("mtbf=") { (a, b) } else { (b, a) };
    let hours = |text: &str, name: &str| {
        let hours: f64 = text.strip_prefix(name)?.parse().ok()?;
        (hours > 0.0 && hours.is_finite()).then_some(hours)
    };
    Some(Preset::Repaired { mtbf_h: hours(mtbf, "mtbf=")?, mttr_h: hours(mttr, "mttr=")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let given = [Preset::Links(0.01), Preset::Repaired { mtbf_h: 8000.0, mttr_h: 10.5 }];
        for preset in NAMED.iter().map(|(_, preset)| *preset).chain(given) {
            assert_eq!(preset.to_string().parse(), Ok(preset));
            assert_ne!(preset.second(), preset);
        }
        assert_eq!("mttr=2,mtbf=9".parse(), Ok(Preset::Repaired { mtbf_h: 9.0, mttr_h: 2.0 }));
    }

    #[test]
    fn what_is_no_preset_is_refused_with_a_hint() {
        for wrong in
            ["", "p=", "p=1.1", "p=-0.1", "p=nan", "mtbf=3", "mtbf=0,mttr=1", "mtbf=1,mttr=inf", "q=1"]
        {
            assert!(wrong.parse::<Preset>().is_err(), "{wrong}");
        }
        let error = "wan-cenik".parse::<Preset>().unwrap_err();
        assert!(error.ends_with("did you mean 'wan-cenic'?"), "{error}");
    }
}
