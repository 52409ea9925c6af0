//! The fidelity table: what the packet engine measures beside what formulas, published counts and a slow reference say.
//! `--smoke` computes it with few packets. The exit code is 1 if a check fails, 2 for a word that is not understood.

use std::process::ExitCode;

use umbra_benches::fidelity::{GROUPS, Scale, table};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let scale = match args.as_slice() {
        [] => Scale::Full,
        [flag] if flag == "--smoke" => Scale::Smoke,
        _ => {
            eprintln!("fidelity: expected nothing or --smoke, not '{}'", args.join(" "));
            return ExitCode::from(2);
        }
    };
    let mut checks = Vec::new();
    for (rows, group) in GROUPS {
        eprintln!("rows {rows} …");
        checks.extend(group(scale));
    }
    checks.sort_by_key(|c| c.row); // stable
    print!("{}", table(&checks));
    let failed = checks.iter().filter(|c| !c.pass).count();
    println!("\n{} checks, {failed} failed", checks.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
