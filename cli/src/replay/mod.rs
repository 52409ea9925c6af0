//! What `umbra replay` does beside the engine: traffic in, tables out.

pub(crate) mod addresses;
pub(crate) mod flow_table;
pub(crate) mod fluid;
pub(crate) mod summary;
pub(crate) mod tables;
pub(crate) mod traffic;

use twin::{Layer, Twin};

/// Where there are forwarding tables packets go wherever cables go, to hosts and to other networks; elsewhere they
/// follow the IGP.
pub(crate) fn layer(twin: &Twin) -> Layer {
    let has = |layer| !twin.half_links(layer).is_empty();
    let by_table = twin.fibs().next().is_some() || !has(Layer::Igp);
    if by_table && has(Layer::Cable) { Layer::Cable } else { Layer::Igp }
}
