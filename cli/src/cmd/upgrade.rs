//! `umbra upgrade`: what is the cheapest way back under a limit?

use std::path::PathBuf;

use report::{Table, entities, schema};
use scenarios::planning::{
    Advice, FailureList, FailureSet, Plan, UpgradeBound, cheapest_upgrades, sweep, upgrade_bound,
};
use serde_json::{Value, json};
use twin::NodeId;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output;
use crate::planning::failures::Failing;
use crate::planning::limit;
use crate::planning::market::{self, Market};
use crate::planning::question::QuestionArgs;
use crate::planning::study::Study;
use crate::target::TargetFolder;

/// How many failures the bound looks at: the fullest ones. Any number of them gives a true bound.
const BOUND_SCENARIOS: usize = 500;

/// Which upgrades keep every link below a limit most cheaply?
///
/// The limit holds under every failure then. Metrics, and so paths, stay as they are: every link needs a capacity of
/// its own, and the cheapest modules that reach it are bought. Modules and prices are those of an SNDlib file;
/// elsewhere a link gets more members of its own capacity, at 1 for each Gbit/s and km. The result is swept once more
/// with the new capacities. No other upgrades on these paths cost less (`at_least_same_paths`); what they would cost if
/// capacity were sold in any amount is `any_amount_same_paths`, and `at_least` is a lower bound of that if traffic were
/// routed at will besides: what better metrics could save. Prints the steps, fullest link first, then the sum, these
/// bounds and the links that stay too full.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    question: QuestionArgs,
    /// The utilisation that is not to be exceeded.
    #[arg(long, value_name = "U", value_parser = limit::parse)]
    limit: f64,
    /// Leave out the bound for traffic routed at will, which takes most of the time in large networks.
    #[arg(long)]
    no_bound: bool,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let (study, failing) = args.question.open()?;
    let list = &failing.list;
    let market = market::of(&args.question.study.sources[0], &study.csr)?;
    let plan = study.plan();
    let advice = cheapest_upgrades(&plan, list, &market.modules, args.limit);
    let after = max_util(&Plan::new(&advice.upgraded, &study.routing, &study.demands), list);
    let bound = if args.no_bound { None } else { Some(bound(&plan, list, &market, args.limit)?) };
    let table = table(&study, &failing, &advice);
    if let Some(out) = args.out.as_ref().filter(|_| !args.dry_run) {
        let mut folder = TargetFolder::create(out)?;
        folder.write(&entities(&study.twin))?;
        folder.write(&table)?;
        let mut summary = study.summary("upgrade", global, args.question.fail().file())?;
        let stuck: Vec<_> = advice.stuck.iter().map(|l| l.0).collect();
        let finite = bound.as_ref().map(|b| b.cost).filter(|cost| cost.is_finite());
        for (key, value) in [
            ("limit", json!(args.limit)),
            ("cost", json!(advice.cost())),
            ("cost_unit", json!(market.unit)),
            ("cost_at_least_same_paths", json!(advice.at_least)),
            ("cost_any_amount_same_paths", json!(advice.any_amount)),
            ("cost_at_least", json!(finite)),
            ("bound_reached", json!(bound.as_ref().map(|b| b.reached))),
            ("max_util_after", json!(after)),
            ("links_without_modules", json!(stuck)),
        ] {
            summary.extra.insert(key.into(), value);
        }
        folder.commit(summary)?;
    }
    print(&table, &study, &advice, bound.as_ref(), (market.unit, after), global)?;
    Ok(Outcome::Done)
}

/// The largest utilisation over all scenarios.
fn max_util(plan: &Plan<'_>, list: &FailureList) -> f64 {
    let mut most = 0.0f64;
    let worst = sweep(plan, list, 0..list.len(), |rows| {
        most = rows.iter().map(|row| row.outcome.max_util).fold(most, f64::max);
        Ok::<_, std::convert::Infallible>(())
    });
    worst.map_or_else(|never| match never {}, |_| most)
}

/// The bound over the fullest scenarios.
fn bound(plan: &Plan<'_>, list: &FailureList, market: &Market, limit: f64) -> Result<UpgradeBound, Failure> {
    let mut fullest: Vec<(f64, u32, FailureSet)> = Vec::new();
    let worst = sweep(plan, list, 0..list.len(), |rows| {
        fullest.extend(rows.iter().map(|row| (row.outcome.max_util, row.number, row.set.clone())));
        fullest.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        fullest.truncate(BOUND_SCENARIOS);
        Ok::<_, std::convert::Infallible>(())
    });
    worst.map_or_else(|never| match never {}, drop);
    let sets: Vec<_> = fullest.into_iter().map(|(_, _, set)| set).collect();
    upgrade_bound(plan, &sets, &market.modules, limit).map_err(|e| Failure::environment("the lower bound", e))
}

/// Prints the steps, then the sum, the bounds, and the links that stay too full.
fn print(
    steps: &Table,
    study: &Study,
    advice: &Advice,
    bound: Option<&UpgradeBound>,
    (unit, after): (&str, f64),
    global: &Global,
) -> Result<(), Failure> {
    let mut names = vec!["item"];
    names.extend(steps.spec().columns.iter().map(|column| column.name));
    names.push("note");
    let mut printed = output::Table::new(&names);
    let mut push = |item: &str, values: &[(&str, Value)]| {
        let value =
            |name: &&str| values.iter().find(|(n, _)| n == name).map_or(Value::Null, |(_, v)| v.clone());
        printed.push(std::iter::once(json!(item)).chain(names[1..].iter().map(value)).collect());
    };
    for row in output::Table::rows_of(steps).rows() {
        let values: Vec<_> = steps.spec().columns.iter().map(|c| c.name).zip(row.iter().cloned()).collect();
        push("upgrade", &values);
    }
    let cost = ("cost", json!(advice.cost()));
    push("sum", &[cost, ("max_util", json!(after)), ("note", json!(unit))]);
    let proven = if advice.at_least < advice.cost() {
        "no upgrades cost less"
    } else {
        "the sum: no upgrades cost less"
    };
    for (item, cost, note) in [
        ("at_least_same_paths", advice.at_least, proven),
        ("any_amount_same_paths", advice.any_amount, "if capacity were sold in any amount"),
    ] {
        push(item, &[("cost", json!(cost)), ("note", json!(note))]);
    }
    if let Some(bound) = bound {
        let note = match bound {
            b if b.cost.is_infinite() => "no routing keeps the limit with what can be bought",
            b if b.reached => "at any routing and in any amounts",
            _ => "at any routing and in any amounts; the search was stopped, the truth is more",
        };
        let cost = bound.cost.is_finite().then_some(bound.cost);
        push("at_least", &[("cost", json!(cost)), ("note", json!(note))]);
    }
    for link in &advice.stuck {
        let csr = &study.csr;
        let end = |of: &[NodeId]| {
            csr.link_arcs[link.index()].first().map(|arc| &csr.node_names[of[arc.index()].index()])
        };
        let ends = [("src", json!(end(&csr.src))), ("dst", json!(end(&csr.dst)))];
        let note = ("note", json!("too full, and nothing can be bought for it"));
        push("stuck", &[&[("link", json!(link.0)), note][..], &ends].concat());
    }
    printed.print(global.format())
}

fn table(study: &Study, failing: &Failing, advice: &Advice) -> Table {
    let csr = &study.csr;
    let mut table = Table::new(&schema::UPGRADES);
    let mut total = 0.0;
    for (step, upgrade) in (1u32..).zip(&advice.upgrades) {
        let arc = upgrade.arc.index();
        let from = csr.capacity[arc].as_f64();
        total += upgrade.cost;
        table
            .row()
            .set("step", step)
            .set("link", upgrade.link.0)
            .set("src", csr.node_names[csr.src[arc].index()].as_str())
            .set("dst", csr.node_names[csr.dst[arc].index()].as_str())
            .set("from", study.volume(from))
            .set("to", study.volume(from + upgrade.added.as_f64()))
            .set("cost", upgrade.cost)
            .set("total", total)
            .set("util", upgrade.util)
            .set("scenario", upgrade.scenario)
            .set("cause", failing.name(&failing.list.get(upgrade.scenario).0, csr))
            .set("max_util", upgrade.max_util)
            .end();
    }
    table
}
