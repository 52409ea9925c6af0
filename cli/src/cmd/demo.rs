//! `umbra demo`: the loop on data in the binary.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use report::page::Reproduce;
use report::{InputDigest, Summary, Table, TableDigest, network_digest};
use scenarios::rank::place_of;
use scenarios::world::{self, World};
use serde_json::{Value, json};
use twin::{Csr, Layer, WallTime};

use crate::demo::answer::Answer;
use crate::demo::fault::{self, Kind};
use crate::demo::library::{Library, Net};
use crate::demo::page::page;
use crate::demo::pipeline::{Findings, Options, investigate};
use crate::demo::screen::Screen;
use crate::demo::tables;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::{self, Format, print_bytes};
use crate::planning::names::Names;
use crate::target::{self, TargetFolder};

/// Replicas of each leading cause, and how many causes lead.
const REPLICAS: u32 = 32;
const LEADING: usize = 6;

/// Break a network, find out why.
///
/// A real network with its measured traffic runs with hash salts, flow sizes, bursts and a fault of its own. The twin has a
/// stale metric and a wrong capacity, knows demands by 1:1000 sampling, and reads averaged counters late. It says what is
/// abnormal, ranks the causes by simulating them, and the truth is printed last.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What breaks; the seed draws where.
    #[arg(long, value_enum, default_value_t = Kind::Loss)]
    fault: Kind,
    /// Break this instead: `A-B:0.8%`, `A-B:0.01` (from A to B) or `A-B:down`.
    #[arg(long = "break", value_name = "ELEMENT:RATE", conflicts_with = "fault")]
    broken: Option<String>,
    /// Name your suspect first: `A-B`.
    #[arg(long, value_name = "ELEMENT")]
    guess: Option<String>,
    /// The network.
    #[arg(long, value_enum, default_value_t = Net::Abilene)]
    net: Net,
    /// Keep the tables, demo.json and report.html in this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let started = (SystemTime::now(), Instant::now());
    let library = args.net.open()?;
    let csr = Csr::compile(&library.twin, Layer::Igp);
    let names = Names::new(&library.twin, &csr);
    let broken = args.broken.as_deref().map(|text| fault::parse(&names, text)).transpose();
    let guess = args.guess.as_deref().map(|text| fault::guess(&names, text)).transpose();
    let (broken, guess) = (broken.map_err(Failure::word)?, guess.map_err(Failure::word)?);
    // What cannot be written is refused before the work, not after it.
    let folder = args.out.as_deref().map(TargetFolder::create).transpose()?;
    let world = world::run(&csr, &library.series, library.config, global.seed, |busy, pick, uniform| {
        broken.unwrap_or_else(|| fault::draw(&csr, args.fault, busy, pick, uniform))
    });
    let options = Options { replicas: REPLICAS, leading: LEADING, seed: global.seed };
    let findings = investigate(&world, options);
    let answer = Answer::new(&world, &findings);
    let tables = tables::all(&library.twin, &world, &findings);
    let digest = digest(&tables);
    let guess = args.guess.clone().zip(guess).map(|(text, components)| {
        let place = |c| place_of(&findings.ranking, Some(c));
        let best = components.into_iter().min_by_key(|c| place(*c)).expect("a guess has components");
        let p = findings.ranking.causes.iter().find(|c| c.component == best).map_or(0.0, |c| c.probability);
        (text, place(best), p)
    });
    let kept = Kept {
        args,
        global,
        library: &library,
        world: &world,
        findings: &findings,
        answer: &answer,
        started,
    };
    if let (Some(folder), Some(out)) = (folder, &args.out) {
        kept.write(folder, out, &tables, &digest)?;
    }
    let shown = match global.output {
        None | Some(Format::Table) => {
            let out = args.out.as_ref().map(|p| p.display().to_string());
            let (library, world, findings, answer) = (&library, &world, &findings, &answer);
            let screen =
                Screen { library, world, findings, answer, seed: global.seed, guess, digest: &digest, out };
            screen.render()
        }
        Some(Format::Json) => format!("{:#}\n", kept.verdict()),
        Some(format) => return row(&kept.verdict()).print(format).map(|()| Outcome::Done),
    };
    print_bytes(shown.as_bytes())?;
    Ok(Outcome::Done)
}

/// The columns of `demo.json`.
const COLUMNS: [&str; 7] = ["fault", "seed", "truth", "rank", "probability", "baseline_rank", "wall_s"];

/// The verdict as a table of one row.
fn row(verdict: &Value) -> output::Table {
    let mut table = output::Table::new(&COLUMNS);
    table.push(COLUMNS.iter().map(|column| verdict[*column].clone()).collect());
    table
}

/// One digest over the canonical rows of all tables.
fn digest(tables: &[Table]) -> String {
    let mut whole = InputDigest::default();
    for table in tables {
        let mut rows = TableDigest::new(table.spec());
        rows.update(table);
        whole.add(rows.finish().as_bytes());
    }
    whole.finish()
}

/// What is kept in the folder.
struct Kept<'a> {
    args: &'a Args,
    global: &'a Global,
    library: &'a Library,
    world: &'a World,
    findings: &'a Findings,
    answer: &'a Answer,
    started: (SystemTime, Instant),
}

impl Kept<'_> {
    /// `demo.json`.
    fn verdict(&self) -> Value {
        let fault = match (&self.args.broken, self.args.fault) {
            (Some(text), _) => text.clone(),
            (None, Kind::Loss) => "loss".to_owned(),
            (None, Kind::Down) => "down".to_owned(),
            (None, Kind::None) => "none".to_owned(),
        };
        json!({
            "fault": fault,
            "seed": self.global.seed,
            "truth": self.answer.truth,
            "rank": self.answer.rank,
            "probability": self.answer.probability,
            "baseline_rank": self.answer.baseline_rank,
            "wall_s": self.started.1.elapsed().as_secs_f64(),
        })
    }

    fn write(
        &self,
        mut folder: TargetFolder,
        out: &Path,
        tables: &[Table],
        digest: &str,
    ) -> Result<(), Failure> {
        for table in tables {
            folder.write(table)?;
        }
        let summary = folder.commit(self.summary())?;
        let reproduce = Reproduce {
            command: self.command(),
            seed: self.global.seed,
            version: summary.version.clone(),
            trials: summary.trials,
            digests: vec![
                ("network".into(), summary.network_digest.clone()),
                ("input".into(), summary.input_digest.clone()),
                ("result".into(), digest.to_owned()),
            ],
        };
        let html = page(self.library, self.world, self.findings, self.answer, reproduce).render();
        target::write(&out.join("report.html"), html.as_bytes(), false)?;
        target::write(&out.join("demo.json"), format!("{:#}\n", self.verdict()).as_bytes(), false)
    }

    fn summary(&self) -> Summary {
        let mut input = InputDigest::default();
        self.library.input.iter().for_each(|bytes| input.add(bytes));
        let mut summary = Summary::new("demo", self.global.seed);
        summary.network_digest = network_digest(&self.library.twin);
        summary.input_digest = input.finish();
        summary.trials = self.findings.ranking.trials;
        summary.fidelity = self.answer.fidelity.clone();
        let since = self.started.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        summary.run.started = i64::try_from(since.as_nanos()).ok().map(WallTime::from_ns);
        summary.run.wall_s = Some(self.started.1.elapsed().as_secs_f64());
        summary.run.threads = u32::try_from(rayon::current_num_threads()).ok();
        summary.run.command_line = std::env::args().collect();
        summary
    }

    fn command(&self) -> String {
        let what = match &self.args.broken {
            Some(text) => format!("--break '{text}'"),
            None => format!("--fault {}", clap_word(self.args.fault)),
        };
        format!("umbra demo {what} --net {} --seed {} --out DIR", self.args.net.word(), self.global.seed)
    }
}

fn clap_word(kind: Kind) -> String {
    use clap::ValueEnum;
    kind.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}
