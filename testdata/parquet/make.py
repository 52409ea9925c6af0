"""Writes the files of this folder: python make.py (needs polars and pyarrow)."""

from datetime import date, datetime

import polars as pl
import pyarrow.parquet as pq

frame = pl.DataFrame(
    {
        "i64": [1, None, -3],
        "u8": pl.Series([0, 255, None], dtype=pl.UInt8),
        "u16": pl.Series([0, 65535, None], dtype=pl.UInt16),
        "u32": pl.Series([0, 2**32 - 1, None], dtype=pl.UInt32),
        "u64": pl.Series([0, 2**64 - 1, None], dtype=pl.UInt64),
        "i16": pl.Series([-1, 32767, None], dtype=pl.Int16),
        "f32": pl.Series([0.5, float("nan"), None], dtype=pl.Float32),
        "f64": [0.1, None, float("-inf")],
        "bool": [True, None, False],
        "str": ["same", "same", None],
        "category": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        "date": [date(1970, 1, 2), None, date(2024, 2, 29)],
        "time_ms": pl.Series([datetime(2004, 3, 1), None, datetime(1969, 12, 31)], dtype=pl.Datetime("ms")),
        "time_us": pl.Series([datetime(2004, 3, 1), None, datetime(1969, 12, 31)], dtype=pl.Datetime("us")),
        "time_ns": pl.Series([datetime(2004, 3, 1), None, datetime(1969, 12, 31)], dtype=pl.Datetime("ns")),
        "list_u32": pl.Series([[1, 2], [], None], dtype=pl.List(pl.UInt32)),
        "list_i32": pl.Series([[1, 2], [], None], dtype=pl.List(pl.Int32)),
        "list_i64": [[1, 2], [], None],
        "list_too_large": [[2**32], [], None],
        "list_str": [["a", "b"], [], None],
        "list_with_null": [["a", None], [], None],
        "members": pl.Series(
            [[{"class": "device", "a": "r1", "b": None}, {"class": "link_loss", "a": "r1", "b": "r2"}], [], None],
            dtype=pl.List(pl.Struct({"class": pl.String, "a": pl.String, "b": pl.String})),
        ),
        "nested": [[[1]], [], None],
    }
)
frame.write_parquet("polars_zstd.parquet")
frame.write_parquet("polars_uncompressed.parquet", compression="uncompressed")
frame.head(0).write_parquet("polars_empty.parquet")
arrow = frame.with_columns(pl.col("category").cast(pl.String)).to_arrow()
pq.write_table(arrow, "pyarrow_snappy.parquet", compression="snappy", row_group_size=2)
pq.write_table(arrow, "pyarrow_v2_pages.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False)
pq.write_table(arrow.select(["i64"]), "pyarrow_gzip.parquet", compression="gzip")
