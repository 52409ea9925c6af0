//! What capacity can be bought for each link, and what it costs.

use std::path::Path;

use scenarios::planning::Module;
use topology_sync::source::files;
use topology_sync::{encoding, sndlib};
use twin::{Csr, InputError, LinkId};

/// Modules by link, and what their cost is in.
pub(crate) struct Market {
    /// What can be bought for each link, any number of times.
    pub(crate) modules: Vec<Vec<Module>>,
    /// The unit of cost, in words.
    pub(crate) unit: &'static str,
}

/// The modules of an SNDlib file where it names any, else members for bundles: as much capacity again as a link has, at its
/// length in km (1 where the ends have no coordinates) for each Gbit/s.
pub(crate) fn of(source: &Path, csr: &Csr) -> Result<Market, InputError> {
    if source.extension().is_some_and(|s| s.eq_ignore_ascii_case("xml")) {
        let file = source.display().to_string();
        let bytes = files::read(source)?;
        let modules = sndlib::modules(&file, encoding::utf8(&file, &bytes)?)?;
        if modules.len() == csr.link_count() && modules.iter().any(|offers| !offers.is_empty()) {
            let offer = |(capacity, cost)| Module { capacity, cost };
            let modules = modules.into_iter().map(|offers| offers.into_iter().map(offer).collect()).collect();
            return Ok(Market { modules, unit: "of the file" });
        }
    }
    let modules =
        (0..csr.link_count()).map(|link| member(csr, LinkId::new(link)).into_iter().collect()).collect();
    Ok(Market { modules, unit: "Gbit/s km" })
}

fn member(csr: &Csr, link: LinkId) -> Option<Module> {
    let arcs = &csr.link_arcs[link.index()];
    let capacity = arcs.iter().map(|arc| csr.capacity[arc.index()]).max()?;
    let arc = arcs.first()?.index();
    let ends = (csr.locations[csr.src[arc].index()], csr.locations[csr.dst[arc].index()]);
    let length = match ends {
        (Some(a), Some(b)) => a.distance(&b).max(1.0),
        _ => 1.0,
    };
    Some(Module { capacity, cost: capacity.as_f64() / 1e9 * length })
}
