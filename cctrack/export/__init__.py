"""Files for colleagues: Excel, CSV, Parquet and HTML, complete or not at all; no table is changed by it."""

from cctrack.export._csv import to_csv
from cctrack.export._excel import to_excel
from cctrack.export._html import to_html
from cctrack.export._parquet import to_parquet
from cctrack.export._reading import read_csv

__all__ = ["read_csv", "to_csv", "to_excel", "to_html", "to_parquet"]
