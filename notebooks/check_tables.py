"""Compares the tables of a result folder, as Polars reads them, with what docs/tables.md promises."""

from pathlib import Path

import polars as pl

MEMBER = pl.Struct({"class": pl.String, "a": pl.String, "b": pl.String})
TYPES = {
    "u8": pl.UInt8,
    "u32": pl.UInt32,
    "u64": pl.UInt64,
    "i64": pl.Int64,
    "f64": pl.Float64,
    "bool": pl.Boolean,
    "str": pl.String,
    "list[u32]": pl.List(pl.UInt32),
    "list[str]": pl.List(pl.String),
    "list[struct{class,a,b}]": pl.List(MEMBER),
}


def check_tables(results: Path, documentation: Path) -> list[str]:
    """What is wrong with the tables: columns, types, nulls. An empty list if nothing is."""
    promised = read_documentation(documentation)
    files = sorted(results.glob("*.parquet"))
    problems = [] if files else [f"{results}: no tables"]
    for file in files:
        if file.stem not in promised:
            problems.append(f"{file.name}: not in {documentation.name}")
        else:
            problems += compare(file, promised[file.stem])
    return problems


def compare(file: Path, promised: dict[str, str]) -> list[str]:
    frame = pl.read_parquet(file)
    expected = {name: TYPES[word.removesuffix("?")] for name, word in promised.items()}
    if list(frame.schema.items()) != list(expected.items()):
        return [f"{file.name}: has {dict(frame.schema)}; expected {expected}"]
    required = [name for name, word in promised.items() if not word.endswith("?")]
    return [f"{file.name}: null in '{name}'" for name in required if frame[name].null_count()]


def read_documentation(path: Path) -> dict[str, dict[str, str]]:
    """The types of each table's columns, by table and column name: rows of four cells (a meaning may hold `\\|`)."""
    tables: dict[str, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            tables[line[3:]] = {}
        elif line.startswith("| `") and line.count("|") >= 5:
            name, word = (cell.strip() for cell in line.split("|")[1:3])
            tables[list(tables)[-1]][name.strip("`")] = word
    return tables
