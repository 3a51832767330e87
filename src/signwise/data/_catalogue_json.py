"""The data sets that are folders of JSON files."""

from __future__ import annotations

from ._registry import DatasetInfo, FileInfo


def _corpus(
    name: str,
    title: str,
    *,
    publisher: str,
    terms: str,
    url: str,
    inner: str,
    counts: tuple[tuple[str, int], ...],
    size: int,
    citation: str = "",
    how: str = "",
    notes: str = "",
) -> DatasetInfo:
    # A corpus is a moving repository or package, so there is no address that keeps sending the counted version.
    return DatasetInfo(
        name=name,
        title=title,
        record="JsonCorpus",
        publisher=publisher,
        terms=terms,
        url=url,
        citation=citation or f"{publisher}, {url}",
        files=(FileInfo(path=f"json/{name}", folder=True),),
        size=size,
        counts=counts,
        instructions=how or f"clone {url} and copy its folder {inner} to json/{name}/{inner} below the data directory",
        notes=notes
        or "The counts are those of one state of a living repository; load(..., verify=False) reads others.",
    )


CORPORA = (
    _corpus(
        "github-webhook-payloads",
        "GitHub webhook payloads of four platform versions; label: event and action, group: platform version",
        publisher="octokit",
        terms="MIT",
        url="https://github.com/octokit/webhooks",
        inner="payload-examples",
        counts=(("documents", 367), ("events", 62), ("labels", 205), ("labels in two or more groups", 65)),
        size=5_300_000,
    ),
    _corpus(
        "schemastore-test-documents",
        "Configuration documents that satisfy their schema; label: folder",
        publisher="SchemaStore",
        terms="Apache-2.0",
        url="https://github.com/SchemaStore/schemastore",
        inner="src/test",
        counts=(("documents", 1_459), ("labels", 458)),
        size=9_800_000,
        notes="Only the JSON files are counted. 105 labels have three documents or more, 55 have five or more.",
    ),
    _corpus(
        "schemastore-negative-test-documents",
        "Well-formed configuration documents that break their schema; label: folder",
        publisher="SchemaStore",
        terms="Apache-2.0",
        url="https://github.com/SchemaStore/schemastore",
        inner="src/negative_test",
        counts=(("documents", 560), ("labels", 113)),
        size=2_800_000,
    ),
    _corpus(
        "vega-lite-specs",
        "Chart specifications with deep nesting; label: first part of the file name",
        publisher="Vega",
        terms="BSD-3-Clause",
        url="https://github.com/vega/vega-lite",
        inner="examples/specs",
        counts=(("documents", 819), ("labels", 52)),
        size=3_500_000,
        citation=(
            "A. Satyanarayan, D. Moritz, K. Wongsuphasawat, J. Heer. Vega-Lite: A Grammar of Interactive Graphics. "
            "IEEE TVCG 23(1), 2017"
        ),
    ),
    _corpus(
        "fhir-r4-examples",
        "Health records of FHIR R4; label: resource type, the first part of the file name",
        publisher="HL7",
        terms="CC0",
        url="https://hl7.org/fhir/R4/",
        inner="spec/hl7.fhir.r4.examples/4.0.1/package",
        counts=(("documents", 752), ("labels", 141)),
        size=5_000_000,
        how=(
            "get version 4.0.1 of the package hl7.fhir.r4.examples from https://packages.fhir.org and unpack it to "
            "json/fhir-r4-examples/spec/hl7.fhir.r4.examples/4.0.1 below the data directory"
        ),
        notes="The counted documents are a part of the package: load(..., verify=False) reads the whole one.",
    ),
    _corpus(
        "go-vulndb-osv-cve",
        "Reports of vulnerabilities in two formats; label: osv or cve",
        publisher="The Go vulnerability database",
        terms="CC-BY-4.0",
        url="https://github.com/golang/vulndb",
        inner="data",
        counts=(("documents", 4_530), ("osv", 4_291), ("cve", 239)),
        size=19_000_000,
    ),
    _corpus(
        "jsontestsuite",
        "Parser conformance; label: y (accept), n (reject), i (either) or transform",
        publisher="N. Seriot, JSONTestSuite",
        terms="MIT",
        url="https://github.com/nst/JSONTestSuite",
        inner="test_parsing",
        counts=(("documents", 340), ("y", 95), ("n", 188), ("i", 35), ("transform", 22)),
        size=1_700_000,
        how=(
            "clone https://github.com/nst/JSONTestSuite and copy its folders test_parsing and test_transform to "
            "json/jsontestsuite/ below the data directory"
        ),
        citation="N. Seriot. Parsing JSON is a Minefield. 2016",
    ),
    _corpus(
        "simdjson-examples",
        "Large files for measuring speed; label: file name",
        publisher="simdjson",
        terms="mixed origin",
        url="https://github.com/simdjson/simdjson",
        inner="jsonexamples",
        counts=(("documents", 14),),
        size=14_100_000,
        citation="G. Langdale, D. Lemire. Parsing Gigabytes of JSON per Second. VLDB Journal 28(6), 2019",
    ),
)
