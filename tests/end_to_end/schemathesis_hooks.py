"""
What schemathesis can't know from the API's description: values that somebody checks.

Loaded by schemathesis itself, in its own process.
"""

from __future__ import annotations

import csv
import io
import os
from datetime import date, timedelta
from typing import Any

import schemathesis
from hypothesis import strategies as st

_PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_WORD = st.text(st.sampled_from("abcXYZ019"), min_size=1, max_size=12)

for name, strategy in {
    "cloud-password": st.text(_PRINTABLE, min_size=12, max_size=256),
    "admin-password": st.text(_PRINTABLE, min_size=8, max_size=256),
    # A wrong one would make everything else wait.
    "present-password": st.just(os.environ["SCHEMATHESIS_PASSWORD"]),
    "operator-name": _WORD,
    "key-name": _WORD,
    "key-expiry": st.integers(1, 3000).map(
        lambda days: (date.today() + timedelta(days)).isoformat()
    ),
    "web-link": _WORD.map("https://example.org/{}".format),
    # Only the server can make one; to begin at the beginning is always right.
    "cursor": st.just(""),
    "certificate": st.just(os.environ["SCHEMATHESIS_CERTIFICATE"]),
    "private-key": st.just(os.environ["SCHEMATHESIS_KEY"]),
}.items():
    schemathesis.openapi.format(name, strategy)


def _table(rows: list[tuple[str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([("cloud_id", "name"), *rows])
    return text.getvalue().encode()


schemathesis.openapi.media_type(
    "text/csv",
    st.lists(
        st.tuples(_WORD, _WORD), max_size=3, unique_by=lambda row: row[0].lower()
    ).map(_table),
)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether it is one."""
    if case.operation.path != "/systems/import":
        return True
    if failure.title == "Allow header mismatch":
        # A system may be called "import", too.
        return False
    lines = response.json().get("lines", []) if response.status_code == 422 else []
    # A table that was taken before is refused, as it should be.
    return not lines or any("already" not in line["detail"] for line in lines)
