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

/// Which failures hurt most? One row for each failure, the one with the fullest arc first, then that which loses most:
/// `scenario, failed_links, failed_nodes, max_util, src, dst, lost, lost_own, disconnected_pairs`, where `src` and `dst` are
/// the ends of the fullest arc. Needs `scenarios` and `arcs`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut arcs = Table::new(&schema::ARCS);
/// let row = arcs.row().set("arc", 0u32).set("link", 0u32).set("src", "a").set("dst", "b").set("weight", 1.0);
/// row.set("capacity", 10.0).set("base_load", 5.0).set("base_util", 0.5).end();
/// let mut scenarios = Table::new(&schema::SCENARIOS);
/// for (scenario, links, util) in [(0u32, vec![], 0.5), (1, vec![3u32], 0.6), (2, vec![3, 4], 0.9)] {
///     let row = scenarios.row().set("scenario", scenario).set("failed_links", links);
///     let row = row.set("failed_nodes", Vec::<u32>::new()).set("occurrences", 1u32).set("max_util", util);
///     row.set("max_arc", 0u32).set("lost", 0.0).set("lost_own", 0.0).set("disconnected_pairs", 0u32).end();
/// }
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&arcs)?;
/// folder.write(&scenarios)?;
/// folder.commit(Summary::new("whatif", 0))?;
///
/// let worst = umbra_frames::questions::worst_failures(&umbra_frames::open(dir.path())?)?.collect()?;
/// let scenarios: Vec<_> = worst.column("scenario")?.u32()?.into_no_null_iter().collect();
/// assert_eq!(scenarios, [2, 1]); // nothing down is no failure
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn worst_failures(results: &Results) -> PolarsResult<LazyFrame> {
    let arcs = results.table(&schema::ARCS)?.select(["arc", "src", "dst"].map(col));
    let columns = [
        "scenario",
        "failed_links",
        "failed_nodes",
        "max_util",
        "src",
        "dst",
        "lost",
        "lost_own",
        "disconnected_pairs",
    ];
    let failures = failures(results)?.left_join(arcs, col("max_arc"), col("arc"));
    let keys = [
        (col("max_util"), DESCENDING),
        (col("lost") + col("lost_own"), DESCENDING),
        (col("scenario"), ASCENDING),
    ];
    Ok(order(failures, keys).select(columns.map(col)))
}

/// Which failure fills which link? One row for each arc and each of its worst failures, for a heat map: `arc, src, dst,
/// scenario, failed_links, failed_nodes, util, base_util, rank`; arcs in the order of their worst case, fullest first. Needs
/// `worst`, `arcs` and `scenarios`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut arcs = Table::new(&schema::ARCS);
/// let mut worst = Table::new(&schema::WORST);
/// for (arc, util) in [(0u32, 0.6), (1, 0.9)] {
///     let row = arcs.row().set("arc", arc).set("link", arc).set("src", "a").set("dst", "b").set("weight", 1.0);
///     let row = row.set("capacity", 10.0).set("base_load", 5.0).set("base_util", 0.5);
///     row.set("worst_util", util).set("worst_scenario", 1u32).end();
///     worst.row().set("arc", arc).set("rank", 1u8).set("scenario", 1u32).set("util", util).end();
/// }
/// let mut scenarios = Table::new(&schema::SCENARIOS);
/// let row = scenarios.row().set("scenario", 1u32).set("failed_links", vec![7u32]).set("failed_nodes", Vec::<u32>::new());
/// let row = row.set("occurrences", 1u32).set("max_util", 0.9).set("max_arc", 1u32).set("lost", 0.0).set("lost_own", 0.0);
/// row.set("disconnected_pairs", 0u32).end();
///
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&arcs)?;
/// folder.write(&worst)?;
/// folder.write(&scenarios)?;
/// folder.commit(Summary::new("whatif", 0))?;
///
/// let impact = umbra_frames::questions::failure_impact(&umbra_frames::open(dir.path())?)?.collect()?;
/// assert_eq!(impact.column("arc")?.u32()?.into_no_null_iter().collect::<Vec<_>>(), [1, 0]);
/// assert_eq!(impact.column("util")?.f64()?.get(0), Some(0.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn failure_impact(results: &Results) -> PolarsResult<LazyFrame> {
    let failures = failures(results)?.select(["scenario", "failed_links", "failed_nodes"].map(col));
    let arcs = results.table(&schema::ARCS)?;
    let arcs = arcs.select(["arc", "src", "dst", "base_util", "worst_util"].map(col));
    let cells = results.table(&schema::WORST)?;
    let cells =
        cells.left_join(arcs, col("arc"), col("arc")).left_join(failures, col("scenario"), col("scenario"));
    let columns =
        ["arc", "src", "dst", "scenario", "failed_links", "failed_nodes", "util", "base_util", "rank"];
    let keys = [(col("worst_util"), DESCENDING), (col("arc"), ASCENDING), (col("rank"), ASCENDING)];
    Ok(order(cells, keys).select(columns.map(col)))
}

/// Which demands are cut off most often? All demands, the least available first, of equals the larger: the columns of
/// `nines` and `minutes_a_year`, how long a demand has no path. Needs `nines`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut nines = Table::new(&schema::NINES);
/// for (dst, availability) in [("b", 0.999_999), ("c", 0.999)] {
///     let row = nines.row().set("src", "a").set("dst", dst).set("volume", 1.0).set("availability", availability);
///     row.set("lo", availability).set("hi", availability).set("nines", 3.0).end();
/// }
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&nines)?;
/// folder.commit(Summary::new("availability", 0))?;
///
/// let least = umbra_frames::questions::nines(&umbra_frames::open(dir.path())?)?.collect()?;
/// assert_eq!(least.column("dst")?.str()?.get(0), Some("c"));
/// assert!((least.column("minutes_a_year")?.f64()?.get(0).unwrap() - 525.96).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn nines(results: &Results) -> PolarsResult<LazyFrame> {
    let minutes = (lit(1.0) - col("availability")) * lit(365.25 * 24.0 * 60.0);
    let demands = results.table(&schema::NINES)?.with_column(minutes.alias("minutes_a_year"));
    let keys = [
        (col("availability"), ASCENDING),
        (col("volume"), DESCENDING),
        (col("src"), ASCENDING),
        (col("dst"), ASCENDING),
    ];
    Ok(order(demands, keys))
}

/// Which links run out first, if traffic grows? The arcs that exceed the limit one day, soonest first, with `years` from
/// today: the columns of `growth` and `years`. Needs `growth`.
///
/// ```
/// use report::{ResultFolder, Summary, Table, schema};
///
/// let mut growth = Table::new(&schema::GROWTH);
/// for (arc, days) in [(0u32, Some(1461u32)), (1, None), (2, Some(0))] {
///     let row = growth.row().set("arc", arc).set("src", "a").set("dst", "b").set("limit", 0.8);
///     row.set("worst_util", 0.5).set("days", days).set("scenario", 3u32).set("cause", "a - c").end();
/// }
/// let dir = tempfile::tempdir()?;
/// let mut folder = ResultFolder::create(dir.path())?;
/// folder.write(&growth)?;
/// folder.commit(Summary::new("growth", 0))?;
///
/// let soon = umbra_frames::questions::growth(&umbra_frames::open(dir.path())?)?.collect()?;
/// assert_eq!(soon.column("arc")?.u32()?.into_no_null_iter().collect::<Vec<_>>(), [2, 0]);
/// assert_eq!(soon.column("years")?.f64()?.get(1), Some(4.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A table that is absent; on collect, a file that is damaged.
pub fn growth(results: &Results) -> PolarsResult<LazyFrame> {
    let years = (col("days") / lit(365.25)).alias("years");
    let soon = results.table(&schema::GROWTH)?.filter(col("days").is_not_null()).with_column(years);
    Ok(order(soon, [(col("days"), ASCENDING), (col("arc"), ASCENDING)]))
}

/// The failures of `scenarios`; scenario 0 is none.
fn failures(results: &Results) -> PolarsResult<LazyFrame> {
    Ok(results.table(&schema::SCENARIOS)?.filter(col("scenario").gt(lit(0))))
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
