import bz2
import gzip
import json
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signwise.errors import DataError
from signwise.forecast import Columns, read_events

HEADER = "source,target,rating,time\n"
LINES = [("a", "b", 2, 10), ("b", "c", -1, 20), ("c", "a", 3.5, 30.25)]


def as_csv(header=True):
    return (HEADER if header else "") + "".join(f"{s},{t},{r},{time}\n" for s, t, r, time in LINES)


def as_jsonl():
    return "".join(
        json.dumps(dict(zip(("source", "target", "rating", "time"), row, strict=True))) + "\n" for row in LINES
    )


def check(log):
    stream = log.stream
    assert [stream.nodes[i] for i in stream.source] == ["a", "b", "c"]
    assert [stream.nodes[i] for i in stream.target] == ["b", "c", "a"]
    assert stream.rating.tolist() == [2.0, -1.0, 3.5]
    assert stream.seconds.tolist() == [10.0, 20.0, 30.25]
    assert log.lines == 3
    assert log.rejects == ()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("events.jsonl", lambda p: p.write_text(as_jsonl())),
        ("events.ndjson", lambda p: p.write_text("\n" + as_jsonl() + "\n\n")),
        ("events.csv", lambda p: p.write_text(as_csv())),
        ("plain.csv", lambda p: p.write_text(as_csv(header=False))),
        ("crlf.csv", lambda p: p.write_bytes(as_csv().replace("\n", "\r\n").encode())),
        ("bom.csv", lambda p: p.write_bytes(b"\xef\xbb\xbf" + as_csv().encode())),
        ("tabs.tsv", lambda p: p.write_text(as_csv().replace(",", "\t"))),
        ("semicolons.csv", lambda p: p.write_text(as_csv().replace(",", ";"))),
        ("events.csv.gz", lambda p: p.write_bytes(gzip.compress(as_csv().encode()))),
        ("events.jsonl.xz", lambda p: p.write_bytes(lzma.compress(as_jsonl().encode()))),
        ("events.csv.bz2", lambda p: p.write_bytes(bz2.compress(as_csv().encode()))),
        ("gzipped-without-saying", lambda p: p.write_bytes(gzip.compress(as_jsonl().encode()))),
        ("no-suffix", lambda p: p.write_text(as_csv())),
    ],
)
def test_every_text_form_gives_the_same_stream(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    check(read_events(path))


def test_parquet_with_a_nested_column(tmp_path):
    path = tmp_path / "events.parquet"
    source, target, rating, time = zip(*LINES, strict=True)
    table = pa.table({"who": [{"id": s} for s in source], "target": target, "rating": rating, "time": time})
    pq.write_table(table, path)
    check(read_events(path, columns=Columns(source="/who/id")))


@pytest.mark.parametrize("kind", ["mapping", "pandas", "arrow"])
def test_tables(kind):
    source, target, rating, time = zip(*LINES, strict=True)
    columns = {"source": list(source), "target": list(target), "rating": list(rating), "time": list(time)}
    if kind == "pandas":
        check(read_events(pytest.importorskip("pandas").DataFrame(columns)))
    else:
        check(read_events(columns if kind == "mapping" else pa.table(columns)))


def test_numbers_as_names_are_one_node_in_every_form(tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_text(
        '{"source": 7, "target": "8", "rating": 1, "time": 1}\n{"source": "7", "target": 9.0, "rating": 1, "time": 2}\n'
    )
    assert read_events(path).stream.nodes == ("7", "8", "9")


def test_dates_in_many_forms():
    import datetime as dt

    pandas = pytest.importorskip("pandas")
    moments = [
        "2020-01-01T00:00:00Z",
        "2020-01-01 01:00:00+01:00",
        "2020-01-01",
        dt.datetime(2020, 1, 1),
        dt.date(2020, 1, 1),
        pandas.Timestamp("2020-01-01"),
        np.int64(1577836800),
        "1577836800.0",
    ]
    n = len(moments)
    log = read_events({"source": list(range(n)), "target": ["x"] * n, "rating": [1] * n, "time": moments})
    assert log.rejects == ()
    assert set(log.stream.seconds.tolist()) == {1577836800.0}


def test_time_units(tmp_path):
    table = {"source": ["a"], "target": ["b"], "rating": [1], "time": [1_500]}
    assert read_events(table, time_unit="ms").stream.seconds.tolist() == [1.5]


def test_column_names_and_pointers(tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_text('{"from": {"id": "a"}, "to": ["x", "b"], "v": -2, "at": "1970-01-01T00:00:05Z"}\n')
    log = read_events(path, columns=Columns(source="/from/id", target="/to/1", rating="v", time="at"))
    assert log.stream.nodes == ("a", "b")
    assert log.stream.rating.tolist() == [-2.0]


REASONS = [
    ('{"source": "a", "target": "b", "rating": "x", "time": 1}', "rating 'x' is not a number"),
    ('{"source": "a", "target": "b", "rating": "nan", "time": 1}', "rating is nan; expected a finite number"),
    ('{"source": "a", "target": "b", "rating": 0, "time": 1}', "rating is 0, which has no sign"),
    ('{"source": "a", "target": "b", "rating": true, "time": 1}', "rating is True; expected a number"),
    ('{"source": "a", "target": "b", "time": 1}', "rating is missing"),
    ('{"source": "a", "target": "b", "rating": 1, "time": "inf"}', "time is inf; expected a finite number"),
    ('{"source": "a", "target": "b", "rating": 1, "time": 1e300}', "time 1e+300 is out of range"),
    ('{"source": "a", "target": "b", "rating": 1, "time": "yesterday"}', "neither a number nor an ISO 8601 date"),
    ('{"source": "", "target": "b", "rating": 1, "time": 1}', "source is missing"),
    ('{"source": null, "target": "b", "rating": 1, "time": 1}', "source is missing"),
    ('{"source": ["a"], "target": "b", "rating": 1, "time": 1}', "source is ['a']; expected a name"),
    ('{"source": 1.5, "target": "b", "rating": 1, "time": 1}', "source is 1.5; expected a name"),
    ('{"source": "a", "target": "a", "rating": 1, "time": 1}', "self-loop: 'a' rates itself"),
    ('{"source": "a", ', "not valid JSON"),
    ("[1, 2]", "expected a JSON object, got list"),
    ("12", "expected a JSON object, got int"),
]


def test_bad_lines_are_rejected_with_number_reason_and_content(tmp_path):
    path = tmp_path / "e.jsonl"
    good = '{"source": "a", "target": "b", "rating": 1, "time": 1}'
    path.write_text("\n".join([good, *(line for line, _ in REASONS), good]) + "\n")
    log = read_events(path)
    assert len(log.stream) == 2
    assert log.lines == len(REASONS) + 2
    assert [r.line for r in log.rejects] == list(range(2, len(REASONS) + 2))
    for reject, (line, reason) in zip(log.rejects, REASONS, strict=True):
        assert reason in reject.reason
        assert reject.content == line


def test_csv_faults_stay_on_their_line(tmp_path):
    path = tmp_path / "e.csv"
    path.write_bytes(
        HEADER.encode() + b'a,b,1,1\n"a,b,1,2\na,b\n\xff\xfe,b,1,3\n"x ""y""",b,1,4\n, ,1,5\na,b,1,6,extra\n'
    )
    log = read_events(path)
    assert [(r.line, r.reason.split(":")[0]) for r in log.rejects] == [
        (3, "not valid CSV"),
        (4, "has 2 fields; expected at least 4"),
        (5, "not valid UTF-8 at byte 1"),
        (7, "source is missing"),
    ]
    assert log.stream.line.tolist() == [2, 6, 8]
    assert 'x "y"' in log.stream.nodes


@pytest.mark.parametrize("kind", ["self_loops", "duplicates"])
def test_self_loops_and_duplicates_follow_their_option(kind):
    if kind == "self_loops":
        table = {"source": ["a", "a"], "target": ["b", "a"], "rating": [1, 1], "time": [1, 2]}
    else:
        table = {"source": ["a", "a"], "target": ["b", "b"], "rating": [1, 1], "time": [1, 1]}
    kept = read_events(table, **{kind: "keep"})
    assert (len(kept.stream), kept.rejects, kept.dropped) == (2, (), {})
    dropped = read_events(table, **{kind: "drop"})
    assert (len(dropped.stream), dropped.rejects) == (1, ())
    assert sum(dropped.dropped.values()) == 1
    rejected = read_events(table, **{kind: "reject"})
    assert (len(rejected.stream), len(rejected.rejects), rejected.dropped) == (1, 1, {})
    with pytest.raises(DataError, match="line 2: "):
        read_events(table, strict=True, **{kind: "reject"})
    for log in (kept, dropped, rejected):
        assert log.lines == len(log.stream) + len(log.rejects) + sum(log.dropped.values())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", b"", "the file is empty"),
        ("e.csv", b"\n\n", "no valid line is left of 0"),
        ("e.csv.gz", gzip.compress(b""), "the file is empty"),
        ("e.csv", b"src,dst,rating,time\na,b,1,1\n", "no column 'source', 'target'; the columns are: src, dst"),
        ("e.csv", b"a,b\nc,d\n", "no column"),
        ("e.csv", HEADER.encode() + b"a,b,x,1\n", "no valid line is left of 1: 1 rejected.*line 2: rating 'x'"),
        ("e.jsonl", b'{"src": "a", "target": "b", "rating": 1, "time": 1}\n', "no column 'source'"),
        ("e.json", b'[{"source": "a"}]', "holds one JSON array"),
        ("e.csv", "source,target,rating,time\n".encode("utf-16"), "the text is UTF-16"),
        ("e.csv.gz", gzip.compress(as_csv().encode() * 500)[:60], "damaged or end early"),
        ("e.csv.gz", gzip.compress(as_csv().encode() * 50)[:-12] + b"\0" * 12, "damaged or end early"),
        ("e.jsonl.xz", lzma.compress(as_jsonl().encode() * 500)[:100], "damaged or end early"),
        ("e.csv.gz", as_csv().encode(), "the name says .gz and the content is not compressed so"),
        ("e.parquet", b"PAR1 and then nonsense", "not a readable Parquet file"),
        ("e.csv", b"\xff\x81,b,1,1\n", "line 1 is not valid UTF-8"),
    ],
)
def test_unusable_files_are_clear_errors(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_events(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_events(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_events(tmp_path)


def test_a_wrong_json_name_is_one_error_even_after_many_lines(tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_text('{"source": "a", "target": "b", "value": 1, "time": 1}\n' * 300)
    with pytest.raises(DataError, match="no column 'rating'; the columns are: source, target, value, time"):
        read_events(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"self_loops": "allow"}, "expected keep, drop or reject"),
        ({"time_unit": "min"}, "expected one of: s, ms, us, ns"),
        ({"file_format": "xml"}, "expected auto, jsonl, csv or parquet"),
        ({"weight_max": 0.0}, "expected a positive number"),
    ],
)
def test_bad_options(csv_file, options, message):
    with pytest.raises(ValueError, match=message):
        read_events(csv_file, **options)


def test_tables_without_the_columns_and_other_things():
    with pytest.raises(DataError, match="no column 'time'"):
        read_events({"source": ["a"], "target": ["b"], "rating": [1]})
    with pytest.raises(DataError, match="differ in length"):
        read_events({"source": ["a"], "target": ["b"], "rating": [1, 2], "time": [1]})
    with pytest.raises(TypeError, match="got int; expected a path"):
        read_events(3)
