//! How fast demands grow: the argument `--growth`.

use std::str::FromStr;

use models::NodeDemand;
use twin::NodeId;

use super::limit::share;
use super::names::Names;
use crate::failure::Failure;

/// What `--growth` takes, for its help.
pub(crate) const FORMS: &str = "[GROUP=]RATE";

/// A hundredfold a year: more could not be said in 64-bit numbers after 100 years.
const RATE_MAX: f64 = 100.0;

/// A rate of growth a year, of all demands or of some.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RateArg {
    of: Group,
    rate: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Group {
    All,
    /// From or to a node.
    Node(String),
    /// From one node to another; `*` is any.
    Pair(String, String),
}

impl FromStr for RateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (group, rate) = text.rsplit_once('=').map_or((None, text), |(group, rate)| (Some(group), rate));
        let rate = rate.trim();
        let rate = share(rate.strip_suffix("/year").unwrap_or(rate)).filter(|r| *r > -1.0 && *r <= RATE_MAX);
        let rate =
            rate.ok_or("expected a growth a year such as 30%, 0.3 or -5%/year, above -100%, at most 10000%")?;
        let of = match group.map(|g| (g.trim(), g.split_once('>'))) {
            None => Group::All,
            Some((_, Some((src, dst)))) => Group::Pair(src.trim().to_owned(), dst.trim().to_owned()),
            Some((node, None)) => Group::Node(node.to_owned()),
        };
        Ok(Self { of, rate })
    }
}

/// The rate of each demand: that of the last argument that is about it, 0 where none is.
pub(crate) fn of_demands(
    args: &[RateArg],
    names: &Names<'_>,
    demands: &[NodeDemand],
) -> Result<Vec<f64>, Failure> {
    let mut rates = vec![0.0; demands.len()];
    for arg in args {
        let (src, dst) = match &arg.of {
            Group::All => (None, None),
            Group::Node(name) => (node(names, name)?, node(names, name)?),
            Group::Pair(src, dst) => (node(names, src)?, node(names, dst)?),
        };
        let either = matches!(arg.of, Group::Node(_));
        let is = |end: Option<NodeId>, at: NodeId| end.is_none_or(|end| end == at);
        for (demand, rate) in demands.iter().zip(&mut rates) {
            let (from, to) = (is(src, demand.src), is(dst, demand.dst));
            if (from && to) || (either && (from || to)) {
                *rate = arg.rate;
            }
        }
    }
    Ok(rates)
}

/// The node that a word means, `None` for any.
fn node(names: &Names<'_>, text: &str) -> Result<Option<NodeId>, Failure> {
    if text == "*" {
        return Ok(None);
    }
    let found = names.node_or(text, " in NODE=RATE or A>B=RATE with * for any, or RATE alone");
    found.map(Some).map_err(|unknown| Failure::Usage(format!("--growth: {unknown}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_for_all_for_a_node_and_for_a_pair() {
        let read = |text: &str| text.parse::<RateArg>().ok().map(|arg| (arg.of, arg.rate));
        let pair = |a: &str, b: &str| Group::Pair(a.into(), b.into());
        assert_eq!(read("30%/year"), Some((Group::All, 0.3)));
        assert_eq!(read("0.3"), Some((Group::All, 0.3)));
        assert_eq!(read("New York=-5%"), Some((Group::Node("New York".into()), -0.05)));
        assert_eq!(read("a>*=50 %"), Some((pair("a", "*"), 0.5)));
        for wrong in ["", "fast", "a=", "-100%", "nan", "20000%", "30%/month"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
