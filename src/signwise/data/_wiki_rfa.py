"""Votes and comments of Wikipedia's requests for adminship, in SNAP's text format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..events import EventStream
from ._read import check_counts, lines
from ._records import LoadedStream, Provenance, WikiRfa, listed
from ._registry import DatasetInfo

_FIELDS = ("SRC", "TGT", "VOT", "RES", "YEA", "DAT", "TXT")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DATE = re.compile(r"(\d{1,2}):(\d{2}), (\d{1,2}) ([A-Za-z]+)\.? (\d{4})")

NEUTRAL = "neutral vote (VOT 0)"
NAMELESS = "empty name"
UNDATED = "no readable date"


def load_wiki_rfa(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> LoadedStream:
    """The votes as events."""
    return load_wiki_rfa_text(info, paths, verify).stream


def load_wiki_rfa_text(info: DatasetInfo, paths: tuple[Path, ...], verify: bool) -> WikiRfa:
    """The votes with their comments."""
    votes = read_wiki_rfa(paths[0], info.name)
    if verify:
        check_counts(info, paths[0], records=votes.stream.provenance.records)
    return votes


def read_wiki_rfa(path: Path, name: str) -> WikiRfa:
    """Parse records of ``SRC: TGT: VOT: RES: YEA: DAT: TXT:`` lines, separated by blank lines.

    A record is dropped, and counted under the first reason that applies, if its vote is 0, if a name is empty, or
    if its date cannot be read. The rest is sorted by time, earliest first; votes of equal time (the file has
    minutes) keep the order of the file.

    Raises:
        DataError: a line or a vote is not of this form.
    """
    dropped: Counter[str] = Counter()
    source, target, vote, time, result, texts, number = [], [], [], [], [], [], []
    records = 0
    for at, record in _records(path):
        records += 1
        if record["VOT"] not in ("-1", "0", "1"):
            raise DataError(f"{path}, line {at}: a record has the vote {record['VOT']!r}; expected -1, 0 or 1")
        seconds = parse_date(record["DAT"])
        if record["VOT"] == "0":
            dropped[NEUTRAL] += 1
        elif not record["SRC"] or not record["TGT"]:
            dropped[NAMELESS] += 1
        elif seconds is None:
            dropped[UNDATED] += 1
        else:
            source.append(record["SRC"])
            target.append(record["TGT"])
            vote.append(int(record["VOT"]))
            time.append(seconds)
            result.append(1 if record["RES"] == "1" else -1)
            texts.append(record["TXT"])
            number.append(at)
    stream = EventStream.from_columns(source=source, target=target, rating=vote, time=time, weight_max=1.0, line=number)
    order = np.argsort(np.array(time, np.int64), kind="stable")
    reasons = ((reason, dropped[reason]) for reason in (NEUTRAL, NAMELESS, UNDATED))
    provenance = Provenance(name=name, files=(path,), records=records, dropped=listed(reasons))
    return WikiRfa(
        stream=LoadedStream.of(stream, provenance),
        texts=tuple(texts[i] for i in order),
        results=np.array(result, np.int8)[order],
    )


def parse_date(text: str) -> int | None:
    """Seconds of ``HH:MM, D Month YYYY`` in UTC, whatever the locale; None where it is not such a date.

    Months may be shortened to three letters or more.
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    hour, minute, day, word, year = match.groups()
    months = [i for i, month in enumerate(_MONTHS, 1) if len(word) >= 3 and month.startswith(word.lower())]
    if not months:
        return None
    try:
        moment = datetime(int(year), months[0], int(day), int(hour), int(minute), tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp())


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each record and the number of its first line."""
    record: dict[str, str] = {}
    start = 0
    for at, line in lines(path):
        key, colon, value = line.partition(":")
        if colon and key in _FIELDS and key not in record:
            start = start if record else at
            record[key] = value.strip()
        elif "TXT" in record and line:
            record["TXT"] += f"\n{line}"
        elif not line.strip():
            if record:
                yield start, _complete(record, path, start)
            record = {}
        else:
            raise DataError(f"{path}, line {at}: expected one of {', '.join(_FIELDS)} and a colon, got {line[:80]!r}")
    if record:
        yield start, _complete(record, path, start)


def _complete(record: dict[str, str], path: Path, at: int) -> dict[str, str]:
    missing = [field for field in ("SRC", "TGT", "VOT") if field not in record]
    if missing:
        raise DataError(f"{path}, line {at}: a record has no {', '.join(missing)}; the file may be damaged")
    return dict.fromkeys(_FIELDS, "") | record
