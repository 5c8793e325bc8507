"""One table of activities on every engine, each engine started as its users start it, once, and closed at the end."""

import os
import re
import shutil
import subprocess
import warnings
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cctrack.demo_account.account import BOUNCE_CODES, KINDS, SOURCES, Account, generate

WHY_NO_SPARK = "Spark needs Java 17 or newer: install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)"
# What engines say of themselves, as pytest's filterwarnings takes it.
THEIR_WARNINGS = (
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
    "ignore:Dask support is moving:FutureWarning",
)
ZONE = "America/New_York"  # of the sessions of DuckDB and Spark: dates must come out right all the same


def has_java() -> bool:
    """Tell whether Spark can start here."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    if java is None:
        return False
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    number = re.search(r'version "(\d+)', told)
    return number is not None and int(number[1]) >= 17


def activities(contacts: int = 160, campaigns: int = 8) -> pd.DataFrame:
    """Make a table with every kind of event, and with what real tables have: gaps, repeats, kinds never seen."""
    account = generate(contacts, seed=2, campaigns=campaigns, preset="b2b")
    table = pd.concat([_of_kind(account, kind) for kind in KINDS], ignore_index=True)
    rng = np.random.default_rng(5)

    def some(share: float) -> Any:
        return rng.random(len(table)) < share

    table = table[~((table["activity_type"] == "EMAIL_SEND") & some(0.05))].reset_index(drop=True)  # orphans
    for name, share in (("contact_id", 0.01), ("campaign_id", 0.01), ("activity_date", 0.01), ("activity_type", 0.01)):
        table[name] = table[name].mask(some(share))
    table["activity_type"] = table["activity_type"].mask(some(0.01), "EMAIL_SEEN")
    table["link_id"] = table["link_id"].mask(some(0.05))  # some services tell the address only
    table["bounce_code"] = table["bounce_code"].mask(some(0.1)).mask(some(0.1) & table["bounce_code"].notna(), "N")
    regions = pd.Series(["north", "south", pd.NA], dtype="string")
    table["region"] = regions.take(pd.factorize(table["contact_id"])[0] % 3).array
    repeated = table[some(0.04)]
    return pd.concat([table, repeated]).sort_values("activity_date", kind="stable", ignore_index=True)


def _of_kind(account: Account, kind: str) -> pd.DataFrame:
    events = account.events(kind)

    def named(values: Any, at: Any) -> Any:
        chosen = [values[place] for place in at] if len(at) else [None] * len(events)
        return pd.array(chosen, dtype="string")

    where = list(zip(events.contact.tolist(), events.campaign.tolist(), strict=True))
    return pd.DataFrame(
        {
            "activity_type": pd.array([f"EMAIL_{kind[:-1].upper()}"] * len(events), dtype="string"),
            "activity_date": pd.to_datetime(events.time, unit="ms", utc=True).as_unit("us"),
            "campaign_id": named(account.campaigns.ids, events.campaign),
            "contact_id": pd.array([account.contacts.ids[at].zfill(3) for at, _ in where], dtype="string"),
            "email_address": pd.array([account.address(*one) for one in where], dtype="string"),
            "link_id": named(account.links.ids, events.link),
            "link_uri": named(account.links.url, events.link),
            "bounce_code": named(BOUNCE_CODES, events.code),
            "unsubscribe_source": named(SOURCES, events.source),
        }
    )


def categorical(table: pd.DataFrame) -> pd.DataFrame:
    """Give the same with its texts as categories, some of which no row has."""
    texts = [name for name in table if name != "activity_date"]
    return table.assign(**{name: table[name].astype("category").cat.add_categories("of no row") for name in texts})


class Engines:
    """The table on each engine.

    It lies in Parquet twice, as text: `sorted` by date in one file, and `shuffled` into several.
    """

    def __init__(self, folder: Path) -> None:
        self._open = ExitStack()
        self.table = activities()
        self._number = 0
        self._folder = folder
        self.shuffled = self.table.sample(frac=1, random_state=1, ignore_index=True)
        self.files = {name: folder / name for name in ("sorted", "shuffled")}
        for place in self.files.values():
            place.mkdir()
        self.table.to_parquet(self.files["sorted"] / "all.parquet", index=False)
        for part, rows in enumerate(np.array_split(np.arange(len(self.table)), 2)):
            self.shuffled.iloc[rows].to_parquet(self.files["shuffled"] / f"{part}.parquet", index=False)

    @cached_property
    def segments(self) -> "pd.Series[Any]":
        """Lists of contacts; some are on two."""
        ids = sorted(self.table["contact_id"].dropna().unique())
        both = ids[:20]
        return pd.Series([f"list {at % 3}" for at in range(len(ids))] + ["list 9"] * 20, index=ids + both, name="list")

    @cached_property
    def links(self) -> pd.DataFrame:
        """The links of the campaigns."""
        links = self.table[["campaign_id", "link_id", "link_uri"]].dropna().drop_duplicates(["campaign_id", "link_id"])
        return links.sort_values(["campaign_id", "link_id"], ignore_index=True).assign(click_count=0)

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Names of all campaigns but one."""
        ids = sorted(self.table["campaign_id"].dropna().unique())[1:]
        return pd.DataFrame({"campaign_id": ids, "name": [f"Letter {one}" for one in ids]}, dtype="string")

    @cached_property
    def contact(self) -> str:
        """The contact with the most events."""
        return str(self.table["contact_id"].value_counts().sort_index(kind="stable").idxmax())

    @cached_property
    def summaries(self) -> pd.DataFrame:
        """What a service might say of the campaigns: nearly what the rows say."""
        known = self.table.dropna(subset=["campaign_id", "contact_id"])
        kinds = {f"EMAIL_{kind[:-1].upper()}": kind for kind in KINDS}
        counted = known.groupby(["campaign_id", "activity_type"])["contact_id"].nunique().unstack(fill_value=0)
        counted = counted.reindex(columns=[*kinds], fill_value=0).rename(columns=kinds).rename_axis(columns=None) + 1
        return counted.astype("Int64").reset_index().astype({"campaign_id": "string"})

    def close(self) -> None:
        """Stop what was started."""
        self._open.close()

    @cached_property
    def duckdb(self) -> Any:
        """A connection."""
        import duckdb

        connection = self._open.enter_context(duckdb.connect())
        connection.execute(f"SET TimeZone='{ZONE}'")
        return connection

    @cached_property
    def dask(self) -> Any:
        """A cluster of two processes, and its client."""
        from dask.distributed import LocalCluster

        # Without a port of its choice it insists on 8787, which another cluster on this machine may have.
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
        self._open.enter_context(cluster)
        return self._open.enter_context(cluster.get_client())

    @cached_property
    def spark(self) -> Any:
        """A session of two threads, in another time zone than the data."""
        if not has_java():
            pytest.skip(WHY_NO_SPARK)
        self._open.enter_context(pytest.MonkeyPatch.context()).setenv("SPARK_LOCAL_IP", "127.0.0.1")
        from pyspark.sql import SparkSession

        with warnings.catch_warnings():
            for one in THEIR_WARNINGS:
                warnings.filterwarnings("ignore", one.split(":")[1])
            session = (
                SparkSession.builder.master("local[2]")
                .config("spark.ui.enabled", "false")
                .config("spark.ui.showConsoleProgress", "false")
                .config("spark.sql.session.timeZone", ZONE)
                .config("spark.sql.shuffle.partitions", "2")
                .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")  # half the time for small tables
                .getOrCreate()
            )
        self._open.callback(_end, session)
        return session

    def of(self, name: str, table: Any) -> Any:
        """Give another table, of pandas or PyArrow, on an engine: through Parquet where it reads nothing else."""
        import pyarrow as pa

        held = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
        engine = name.partition(" ")[0]
        if engine == "pyarrow":
            return held
        if engine == "polars":
            import polars as pl

            return pl.from_arrow(held)
        if engine == "duckdb":
            return self.duckdb.from_arrow(held)
        import pyarrow.parquet as pq

        self._number += 1
        file = self._folder / f"other{self._number}.parquet"
        pq.write_table(held, file)
        return self.read(name, file)

    def read(self, name: str, file: Path) -> Any:
        """Let an engine read a file when it comes to it."""
        engine = name.partition(" ")[0]
        if engine == "polars":
            import polars as pl

            return pl.scan_parquet(file)
        if engine == "duckdb":
            return self.duckdb.read_parquet(str(file))
        if engine == "pyspark":
            return self.spark.read.parquet(str(file))
        import dask.dataframe as dd

        assert self.dask is not None
        return dd.read_parquet(file)

    def on(self, name: str) -> Any:
        """Give the table on one of `NAMES`."""
        engine, _, form = name.partition(" ")
        return getattr(self, f"_{engine}")(form)

    def _pandas(self, form: str) -> Any:
        return {"text": self.shuffled, "categorical": categorical(self.table), "sorted": self.table}[form]

    def _polars(self, form: str) -> Any:
        import polars as pl

        lazy = pl.scan_parquet(self.files["sorted" if form == "sorted" else "shuffled"] / "*.parquet")
        if form == "categorical":
            return lazy.with_columns(pl.col(pl.String).cast(pl.Categorical)).collect()
        if form == "enum":
            kinds = pl.Enum([*self.table["activity_type"].dropna().unique()])
            return lazy.with_columns(pl.col("activity_type").cast(kinds))
        return lazy if form in ("lazy", "sorted") else lazy.collect()

    def _pyarrow(self, form: str) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if form == "dictionary":
            return pa.Table.from_pandas(categorical(self.shuffled))
        return pq.read_table(self.files["shuffled"])

    def _duckdb(self, form: str) -> Any:
        place = self.files["sorted" if form == "sorted" else "shuffled"]
        read = self.duckdb.read_parquet(f"{place}/*.parquet")
        if form != "enum":
            return read
        kinds = ", ".join(f"'{one}'" for one in self.table["activity_type"].dropna().unique())
        return read.project(f"* REPLACE (activity_type::ENUM({kinds}) AS activity_type)")

    def _dask(self, form: str) -> Any:
        import dask.dataframe as dd

        assert self.dask is not None
        if form == "categorical":
            return dd.from_pandas(categorical(self.shuffled), npartitions=2)
        return dd.read_parquet(self.files["sorted" if form == "sorted" else "shuffled"])

    def _pyspark(self, form: str) -> Any:
        return self.spark.read.parquet(str(self.files["sorted" if form == "sorted" else "shuffled"]))


def _end(session: Any) -> None:
    """Stop Spark and its Java, which would otherwise stay until Python ends."""
    from pyspark import SparkContext

    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(60)
    SparkContext._gateway = SparkContext._jvm = None


QUICK = (
    "pandas categorical", "pandas sorted", "polars eager", "polars lazy", "polars sorted", "polars categorical",
    "polars enum", "pyarrow text", "pyarrow dictionary", "duckdb text", "duckdb enum", "duckdb sorted",
)  # fmt: skip
SLOW = ("dask text", "dask categorical", "dask sorted", "pyspark text", "pyspark sorted")
NAMES = (*QUICK, *SLOW)
