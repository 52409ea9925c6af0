//! The questions that people ask most. Each is a lazy frame: filter it, join it, collect it.

use polars::prelude::{
    Expr, LazyFrame, PolarsResult, SortMultipleOptions, UniqueKeepStrategy, col, lit, when,
};
use report::schema;

use crate::Results;

/// Which links fill up first? One row for each link, the direction that gets worse, worst first: `link, arc, src, dst,
/// capacity, base_util, worst_util, worst_scenario, failed_links, failed_nodes`. Links without a failure case are left
/// out. Needs `arcs` and `scenarios`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut arcs = Table::new(&schema::ARCS);
/// for (arc, worst) in [(0u32, 0.6), (1, 0.9), (2, 0.7)] {
///     let row = arcs.row().set("arc", arc).set("link", arc / 2).set("src", "a").set("dst", "b").set("weight", 1.0);
///     let row = row.set("capacity", 10.0).set("base_load", 5.0).set("base_util", 0.5);
///     row.set("worst_util", worst).set("worst_scenario", 1u32).end();
/// }
/// let mut scenarios = Table::new(&schema::SCENARIOS);
/// let row = scenarios.row().set("scenario", 1u32).set("failed_links", vec![7u32]).set("failed_nodes", Vec::<u32>::new());
/// let row = row.set("occurrences", 1u32).set("max_util", 0.9).set("max_arc", 1u32).set("lost", 0.0).set("lost_own", 0.0);
/// row.set("disconnected_pairs", 0u32).end();
///
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&arcs)?;
/// folder.write(&scenarios)?;
/// folder.commit(Summary::new("whatif", 0))?;
///
/// let worst = umbra_frames::questions::worst_links(&umbra_frames::open(dir.path())?)?.collect()?;
/// assert_eq!(worst.column("link")?.u32()?.into_no_null_iter().collect::<Vec<_>>(), [0, 1]);
/// assert_eq!(worst.column("worst_util")?.f64()?.get(0), Some(0.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn worst_links(results: &Results) -> PolarsResult<LazyFrame> {
    let failures = results.table(&schema::SCENARIOS)?;
    let failures = failures.select(["scenario", "failed_links", "failed_nodes"].map(col));
    let arcs = results.table(&schema::ARCS)?.filter(col("worst_util").is_not_null());
    let columns = [
        "link",
        "arc",
        "src",
        "dst",
        "capacity",
        "base_util",
        "worst_util",
        "worst_scenario",
        "failed_links",
        "failed_nodes",
    ];
    let worst_first = || [(col("worst_util"), DESCENDING), (col("arc"), ASCENDING)];
    let links = order(arcs, worst_first())
        .unique_stable_generic(Some(vec![col("link")]), UniqueKeepStrategy::First)
        .left_join(failures, col("worst_scenario"), col("scenario"));
    Ok(order(links, worst_first()).select(columns.map(col))) // a join promises no order
}

/// What is it, and how sure are we? All causes, per case the most probable first, with the name of the element: the
/// columns of `causes` and `element`. Needs `causes` and `entities`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut causes = Table::new(&schema::CAUSES);
/// for (class, probability) in [("none", 0.1), ("link_loss", 0.9)] {
///     let row = causes.row().set("case", 0u32).set("class", class).set("a", "").set("probability", probability);
///     row.set("std_error", 0.0).set("log_bayes", 0.0).set("rung", "packets").end();
/// }
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&causes)?;
/// folder.write(&Table::new(&schema::ENTITIES))?;
/// folder.commit(Summary::new("isolate", 0))?;
///
/// let ranking = umbra_frames::questions::causes(&umbra_frames::open(dir.path())?)?.collect()?;
/// assert_eq!(ranking.column("class")?.str()?.get(0), Some("link_loss"));
/// assert_eq!(ranking.column("element")?.null_count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn causes(results: &Results) -> PolarsResult<LazyFrame> {
    let names = results.table(&schema::ENTITIES)?.select([col("entity"), col("name").alias("element")]);
    let joined = results.table(&schema::CAUSES)?.left_join(names, col("entity"), col("entity"));
    Ok(order(
        joined,
        [
            (col("case"), ASCENDING),
            (col("probability"), DESCENDING),
            (col("class"), ASCENDING),
            (col("a"), ASCENDING),
            (col("b"), ASCENDING),
        ],
    ))
}

/// Where does production leave its shadow? The residuals of at least `z` standard deviations in either direction, the
/// largest first: the columns of `residuals`. Needs `residuals`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut residuals = Table::new(&schema::RESIDUALS);
/// for (bin, z) in [(0u32, 1.0), (1, -5.0), (2, 4.0)] {
///     let row = residuals.row().set("subject", "pair-rtt").set("a", "x").set("b", "y").set("bin", bin);
///     row.set("observed", z).set("shadow", 0.0).set("sigma", 1.0).set("z", z).end();
/// }
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&residuals)?;
/// folder.commit(Summary::new("demo", 0))?;
///
/// let far = umbra_frames::questions::residuals(&umbra_frames::open(dir.path())?, 3.0)?.collect()?;
/// assert_eq!(far.column("bin")?.u32()?.into_no_null_iter().collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn residuals(results: &Results, z: f64) -> PolarsResult<LazyFrame> {
    let size = when(col("z").lt(lit(0.0))).then(lit(0.0) - col("z")).otherwise(col("z"));
    let far = results.table(&schema::RESIDUALS)?.filter(size.clone().gt_eq(lit(z)));
    Ok(order(
        far,
        [
            (size, DESCENDING),
            (col("subject"), ASCENDING),
            (col("a"), ASCENDING),
            (col("b"), ASCENDING),
            (col("bin"), ASCENDING),
        ],
    ))
}

const ASCENDING: bool = false;
const DESCENDING: bool = true;

/// Sorts by several keys, nulls last; equal rows keep their order.
fn order<const N: usize>(frame: LazyFrame, keys: [(Expr, bool); N]) -> LazyFrame {
    let descending: Vec<bool> = keys.iter().map(|(_, descending)| *descending).collect();
    let options = SortMultipleOptions::new()
        .with_order_descending_multi(descending)
        .with_nulls_last(true)
        .with_maintain_order(true);
    frame.sort_by_exprs(keys.map(|(key, _)| key), options)
}
