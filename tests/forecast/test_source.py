import bz2
import csv
import gzip
import json
import lzma
import os
import threading
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signwise.errors import DataError
from signwise.events import EventStream
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
        HEADER.encode() + b'a,b,1,1\n"a,b,1,2\na,b\n\xff\xfe,b,1,3\n"x ""y""",b,1,4\n, ,1,5\na,b,1,6,extra\na,b,1,7\n'
    )
    log = read_events(path)
    assert [(r.line, r.reason.split(":")[0]) for r in log.rejects] == [
        (3, "not valid CSV"),
        (4, "has 2 fields; expected at least 4"),
        (5, "not valid UTF-8 at byte 1"),
        (7, "source is missing"),
        (8, "has 5 fields; expected 4"),
    ]
    assert log.stream.line.tolist() == [2, 6, 9]
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
        ({"file_format": "xml"}, "expected one of: auto, jsonl, csv, parquet"),
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


def test_a_comment_over_several_lines_is_one_record_and_never_an_event(tmp_path):
    path = tmp_path / "e.csv"
    comment = 'he said "no"\nvictim,enemy,-10,1600000000,forged\nbye'
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "target", "rating", "time", "comment"])
        writer.writerow(["a", "b", 1, 1, comment])
        writer.writerow(["b\nc", "d", 2, 2, ""])
    log = read_events(path)
    assert log.rejects == ()
    assert log.stream.nodes == ("a", "b", "b\nc", "d")
    assert log.stream.line.tolist() == [2, 5]


def test_a_stray_quote_costs_its_own_line_only(tmp_path):
    path = tmp_path / "e.csv"
    good = "".join(f"u{i},v{i},1,{i}\n" for i in range(3))
    path.write_text(HEADER + good + '"x,y,1,9\n' + good + 'p,"q ""r""",1,7\n' + good + '"never closed,b,1,1\n' + good)
    log = read_events(path)
    assert [r.line for r in log.rejects] == [5, 13]
    assert all("a quoted field does not close" in r.reason for r in log.rejects)
    assert len(log.stream) == 13
    assert log.lines == 15


@pytest.mark.parametrize("row", ["a,b,1,000,1700000000", "a,b,1,5,x"])
def test_a_row_wider_than_its_header_is_rejected(tmp_path, row):
    for header in (HEADER, "q,r,1,2\n"):
        path = tmp_path / "e.csv"
        path.write_text(header + "a,b,1,1\n" + row + "\na,b,1,2,,\n")
        log = read_events(path)
        assert [(r.line, r.reason) for r in log.rejects] == [(3, f"has {row.count(',') + 1} fields; expected 4")]


def test_names_are_kept_as_they_are_written(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text(HEADER + 'a,"b ",1,1\na ,b,1,2\n')
    assert read_events(path).stream.nodes == ("a", "b ", "a ", "b")
    path.write_text("source, target, rating, time\na, b, 1, 1\n")
    assert read_events(path).stream.nodes == ("a", "b")


def test_a_header_of_semicolons_with_a_comma_in_a_name(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("source;target;rating;time;price, net\na;b;2;1;3\n")
    assert read_events(path).stream.rating.tolist() == [2.0]


@pytest.mark.parametrize("form", ["csv", "jsonl", "gz"])
def test_a_pipe_loses_nothing(tmp_path, form):
    n = 6000
    text = "".join(f"u{i},v{i},1,{i}\n" for i in range(n))
    if form == "jsonl":
        text = "".join(f'{{"source": "u{i}", "target": "v", "rating": 1, "time": {i}}}\n' for i in range(n))
    content = gzip.compress(text.encode()) if form == "gz" else text.encode()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    log = read_events(pipe)
    writer.join()
    assert len(log.stream) == n
    assert log.stream.line.tolist() == list(range(1, n + 1))


def test_times_of_parquet_that_no_calendar_holds_are_rejected_by_row(tmp_path):
    path = tmp_path / "e.parquet"
    for unit, values, seconds in (
        ("s", [5, 10**15, None], [5.0]),
        ("ns", [1_500, 2_000_000_000_123_456_789, None], [2e-6, 2000000000.123457]),
    ):
        table = {
            "source": ["a"] * 3,
            "target": ["b"] * 3,
            "rating": [Decimal("1.5")] * 3,
            "time": pa.array(values, pa.timestamp(unit)),
        }
        pq.write_table(pa.table(table), path)
        log = read_events(path)
        assert log.stream.seconds.tolist() == pytest.approx(seconds, abs=1e-6)
        assert [r.line for r in log.rejects] == ([2, 3] if unit == "s" else [3])


def test_compressed_parquet_and_tables_with_missing_values(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "source": pandas.array(["a", None, "c"], dtype="string"),
            "target": ["b", "b", "b"],
            "rating": pandas.array([1, 2, None], dtype="Int64"),
            "time": pandas.to_datetime(["2020-01-01", "2020-01-02", None]),
        }
    )
    log = read_events(frame)
    assert [r.reason for r in log.rejects] == ["source is missing", "rating is missing"]
    assert log.stream.seconds.tolist() == [1577836800.0]
    stamps = np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]")
    log = read_events({"source": ["a", "b"], "target": ["b", "c"], "rating": [1, 1], "time": stamps})
    assert log.stream.seconds.tolist() == [1577836800.0]
    assert log.rejects[0].reason == "time is missing"
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"source": ["a"], "target": ["b"], "rating": [1], "time": [1]}), buffer)
    path = tmp_path / "e.parquet.gz"
    path.write_bytes(gzip.compress(buffer.getvalue().to_pybytes()))
    assert len(read_events(path).stream) == 1


def test_names_that_a_float_cannot_tell_apart_are_rejected():
    table = {"source": [1e30, 7.0], "target": ["b", "b"], "rating": [1, "1_000"], "time": [1, 2]}
    log = read_events(table | {"rating": [1, 1]})
    assert "expected a name or a whole number" in log.rejects[0].reason
    assert log.stream.nodes == ("7", "b")
    assert "'1_000' is not a number" in read_events(table | {"source": ["a", "b"]}).rejects[0].reason


def test_a_field_that_only_late_lines_have_is_no_wrong_name(tmp_path):
    path = tmp_path / "e.jsonl"
    early = '{"source": "a", "target": "b", "time": 1}\n'
    path.write_text(early * 300 + '{"source": "a", "target": "b", "time": 1, "rating": 2}\n')
    log = read_events(path)
    assert (len(log.stream), len(log.rejects)) == (1, 300)


def test_the_policies_apply_to_streams_too():
    stream = EventStream.from_columns(source="aab", target="abb", rating=[1, 2, 3], time=[1, 2, 3], weight_max=5)
    log = read_events(stream)
    assert log.stream.rating.tolist() == [2.0]
    assert [r.line for r in log.rejects] == [1, 3]
    assert log.lines == 3
    kept = read_events(stream, self_loops="keep", weight_max=10.0)
    assert len(kept.stream) == 3
    assert kept.stream.weight_max == 10.0
    with pytest.raises(DataError, match="line 1: self-loop"):
        read_events(stream, strict=True)
