"""Executes every notebook of this folder on result folders, and fails on the first thing that is wrong.

    python notebooks/run.py target/release/umbra             # makes the results in a temporary folder first
    python notebooks/run.py --results DIR                    # uses results that are there
    python notebooks/run.py --strip                          # removes outputs before a commit; runs nothing

Exit code 0: all well. 1: a notebook failed, took too long, or holds outputs; or a table is not what docs/tables.md says.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from check_tables import check_tables

HERE = Path(__file__).resolve().parent
SECONDS_PER_NOTEBOOK = 60
TESTDATA = HERE.parent / "testdata"
NETWORK = TESTDATA / "topologies" / "polska.xml"
CASES = TESTDATA / "rca"
CLOS = CASES / "cisco-clos"
LINKS = TESTDATA / "anomaly"
# What makes each result folder: the demo of the first notebook, the three studies of the second, the rankings of the third, the
# anomalies of the fourth.
COMMANDS = {
    "demo": ["demo"],
    "planning/whatif": ["whatif", NETWORK, "--threshold", "4"],
    "planning/availability": ["availability", NETWORK, "--failures", "wan-fibre-km", "--exact"],
    "planning/growth": ["growth", NETWORK, "--growth", "30%", "--limit", "8", "--from", "2026-01-01"],
    "anomalies": [
        "detect",
        LINKS / "links.csv.gz",
        *("--meta", LINKS / "links.meta.json"),
        *("--score", LINKS / "links.events.csv"),
        "--bins",
    ],
    "causes/fabric": [
        *["isolate", "fabric", "--topology", CASES / "topology.csv"],
        *["--flows", CASES / "silent_mixed.flows.parquet", "--telemetry", "INT"],
    ],
    "causes/alarms": [
        *["isolate", "alarms", "--model", CASES / "srlg_alarms.model.json", "--obs", CASES / "srlg_alarms.obs.csv"],
        *["--calibrate", "--truth", CASES / "srlg_alarms.truth.json"],
    ],
    "causes/telemetry": [
        *["isolate", "telemetry", "--topology", CLOS / "cdp_map.json", "--rates", CLOS / "rate.parquet"],
        *["--counters", CLOS / "counters.parquet", "--bfd", CLOS / "bfd.parquet"],
    ],
}


def main() -> int:
    arguments = parse_arguments()
    notebooks = sorted(HERE.glob("*.ipynb"))
    if arguments.strip:
        for notebook in notebooks:
            strip(notebook)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        results = arguments.results or run_umbra(arguments.umbra, Path(scratch))
        documentation = HERE.parent / "docs" / "tables.md"
        outcomes = [check_tables(results / folder, documentation) for folder in COMMANDS]
        outcomes += [leftovers(notebook) + execute(notebook, results) for notebook in notebooks]
    for problem in (problem for problems in outcomes for problem in problems):
        print(f"error: {problem}", file=sys.stderr)
    failed = sum(1 for problems in outcomes if problems)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("umbra", nargs="?", type=Path, help="the umbra binary")
    what.add_argument("--results", type=Path, help="a folder with demo, planning/*, causes/* and anomalies")
    what.add_argument("--strip", action="store_true", help="remove outputs from the notebooks")
    return parser.parse_args()


def run_umbra(umbra: Path, results: Path) -> Path:
    for folder, arguments in COMMANDS.items():
        target = "--result" if arguments[0] == "detect" else "--out"
        command = [umbra.resolve(), *arguments, target, results / folder]
        finished = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if finished.returncode != 0:
            sys.exit(f"error: umbra {arguments[0]} ended with {finished.returncode}:\n{finished.stderr}")
    return results


def execute(path: Path, results: Path) -> list[str]:
    """Runs a notebook from its first cell to its last in a new kernel."""
    os.environ["UMBRA_RESULTS"] = str(results.resolve() / "demo")
    os.environ["UMBRA_PLANNING"] = str(results.resolve() / "planning")
    os.environ["UMBRA_ANOMALIES"] = str(results.resolve() / "anomalies")
    os.environ["UMBRA_CAUSES"] = str(results.resolve() / "causes")
    notebook = nbformat.read(path, as_version=4)
    started = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_NOTEBOOK,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as failure:
        return [f"{path.name}: {failure}"]
    seconds = time.monotonic() - started
    print(f"{path.name}: {seconds:.1f} s")
    if seconds > SECONDS_PER_NOTEBOOK:
        return [f"{path.name}: took {seconds:.0f} s; expected at most {SECONDS_PER_NOTEBOOK} s"]
    return []


def leftovers(path: Path) -> list[str]:
    """What a stripped notebook does not have: outputs, execution counts."""
    cells = nbformat.read(path, as_version=4).cells
    kept = [n for n, cell in enumerate(cells) if cell.get("outputs") or cell.get("execution_count")]
    return [f"{path.name}: cell {n} holds output; run notebooks/run.py --strip" for n in kept]


def strip(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.metadata = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())
