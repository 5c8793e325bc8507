"""The dtypes of the columns of analyses, asked of the analyses themselves: a CSV file does not tell them."""

import warnings
from collections.abc import Mapping
from functools import cache
from inspect import signature
from typing import Any

import pandas as pd

from cctrack import analysis
from cctrack.catalog import ACTIVITIES
from cctrack.errors import CctrackError
from cctrack.schema import DTYPES


@cache
def dtypes_of_results() -> Mapping[str, Any]:
    """Give the dtype of every column that an analysis of no activities has; they are those of any activities."""
    none = pd.DataFrame({column.name: pd.Series(dtype=DTYPES[column.kind]) for column in ACTIVITIES.columns})
    found: dict[str, Any] = {}
    for name in analysis.__all__:
        function = getattr(analysis, name)
        if next(iter(signature(function).parameters), "") != "activities":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = function(none)
        except (TypeError, ValueError, CctrackError):  # it needs more than activities
            continue
        if isinstance(table, pd.DataFrame):
            found = {str(column): dtype for column, dtype in table.dtypes.items()} | found
    return found
