//! The networks in the binary, with a course of demands for each.

use clap::ValueEnum;
use report::ParquetFile;
use scenarios::world::WorldConfig;
use topology_sync::repetita;
use topology_sync::sndlib::{self, Capacity, SndlibOptions, Weight};
use twin::{DemandMatrix, DemandSeries, InputError, SimDuration, Twin};

/// A network of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Net {
    /// Research network of the United States, 2004: 12 nodes, 15 links, matrices measured every 5 minutes.
    Abilene,
    /// Research network of Europe, 2005: 22 nodes, 36 links, matrices measured every 15 minutes.
    Geant,
    /// A European carrier: 153 nodes, 191 links, one matrix that follows the measured course of Abilene.
    Colt,
}

const ABILENE: &str = include_str!("../../../scenarios/library/networks/abilene.xml");
const GEANT: &str = include_str!("../../../scenarios/library/networks/geant.xml");
const COLT: &str = include_str!("../../../scenarios/library/networks/Colt.graph");
const COLT_DEMANDS: &str = include_str!("../../../scenarios/library/networks/Colt.0000.demands");
const ABILENE_SERIES: &[u8] =
    include_bytes!("../../../scenarios/library/series/abilene_5min_2004-03-01_10.parquet");
const GEANT_SERIES: &[u8] =
    include_bytes!("../../../scenarios/library/series/geant_15min_2005-05-04_06.parquet");

/// What the demo needs of a network.
pub(crate) struct Library {
    /// The true network.
    pub(crate) twin: Twin,
    /// Its demands over time.
    pub(crate) series: DemandSeries,
    /// The size of the world.
    pub(crate) config: WorldConfig,
    /// The bytes it came from, for the input digest.
    pub(crate) input: Vec<&'static [u8]>,
    /// What people call it.
    pub(crate) title: &'static str,
    /// Where its traffic comes from.
    pub(crate) traffic: &'static str,
}

impl Net {
    /// Reads the network and its series.
    pub(crate) fn open(self) -> Result<Library, InputError> {
        match self {
            Self::Abilene => Ok(Library {
                config: WorldConfig::default(),
                title: "Abilene",
                traffic: "matrices measured every 5 minutes, March 2004",
                ..measured("abilene", ABILENE, Capacity::Preinstalled, ABILENE_SERIES)?
            }),
            Self::Geant => Ok(Library {
                config: WorldConfig { flows: 1_200, ..WorldConfig::default() },
                title: "GEANT",
                traffic: "matrices measured every 15 minutes, May 2005",
                ..measured("geant", GEANT, Capacity::Designed, GEANT_SERIES)?
            }),
            Self::Colt => colt(),
        }
    }

    /// The name on the command line.
    pub(crate) fn word(self) -> String {
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }
}

/// An SNDlib network with OSPF's usual metrics (reference bandwidth over capacity) and its measured series. Links without a
/// preinstalled capacity have the one that the design instance may add.
fn measured(
    name: &str,
    xml: &'static str,
    capacity: Capacity,
    series: &'static [u8],
) -> Result<Library, InputError> {
    let options = SndlibOptions { weight: Weight::InverseCapacity, capacity, symmetric: None };
    let twin = sndlib::read(&format!("{name}.xml"), xml, &options)?.twin;
    let file = ParquetFile::from_bytes(&format!("{name}.parquet"), series)?;
    let (series_read, _) = report::series::read(&file, &twin)?;
    Ok(Library {
        twin,
        series: series_read,
        config: WorldConfig::default(),
        input: vec![xml.as_bytes(), series],
        title: "",
        traffic: "",
    })
}

/// Colt has no measured series: half of its static matrix follows the measured course of Abilene's total.
fn colt() -> Result<Library, InputError> {
    /// Two days and a half, of which at least the first half is history: a day of loads teaches what is usual.
    const BINS: usize = 720;
    const SHARE: f64 = 0.5;
    let twin = repetita::read_graph("Colt.graph", COLT)?.twin;
    let matrix: DemandMatrix = repetita::read_demands("Colt.0000.demands", COLT_DEMANDS, &twin)?.0;
    let abilene = measured("abilene", ABILENE, Capacity::Preinstalled, ABILENE_SERIES)?.series;
    let totals: Vec<f64> =
        abilene.bins.iter().take(BINS).flatten().map(|bin| bin.iter().sum::<f64>()).collect();
    let mean = totals.iter().sum::<f64>() / totals.len() as f64;
    let row = |total: &f64| matrix.demands().iter().map(|d| SHARE * d.bps * total / mean).collect();
    let series = DemandSeries {
        start: abilene.start,
        step: SimDuration::secs(300),
        pairs: matrix.demands().iter().map(|d| (d.src.clone(), d.dst.clone())).collect(),
        bins: totals.iter().map(|t| Some(row(t))).collect(),
    };
    Ok(Library {
        twin,
        series,
        config: WorldConfig {
            flows: 3_000,
            packets_per_min: 10.0,
            history_days: 1.5,
            ..WorldConfig::default()
        },
        input: vec![COLT.as_bytes(), COLT_DEMANDS.as_bytes(), ABILENE_SERIES],
        title: "Colt",
        traffic: "half of a static matrix on Abilene's measured course",
    })
}
