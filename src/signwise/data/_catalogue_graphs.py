"""The data sets that are signed graphs."""

from __future__ import annotations

from ._registry import DatasetInfo, FileInfo

_SNAP = "SNAP, Stanford University"
_NO_LICENCE = "no licence stated; cite the paper"
_BITCOIN_CITATION = (
    "S. Kumar, F. Spezzano, V. S. Subrahmanian, C. Faloutsos. Edge Weight Prediction in Weighted Signed Networks. "
    "ICDM 2016"
)

GRAPHS = (
    DatasetInfo(
        name="bitcoin-otc",
        title="Trust ratings -10..10 between traders on Bitcoin OTC, with times",
        record="LoadedStream",
        publisher=_SNAP,
        terms=_NO_LICENCE,
        url="https://snap.stanford.edu/data/soc-sign-bitcoin-otc.html",
        citation=_BITCOIN_CITATION,
        files=(
            FileInfo(
                path="bitcoin-otc/soc-sign-bitcoinotc.csv.gz",
                url="https://snap.stanford.edu/data/soc-sign-bitcoinotc.csv.gz",
                checksum="sha1:c14281f9e252de0bd0b5f1c6e2bae03123938641",
                alternatives=("bitcoin-otc/soc-sign-bitcoinotc.csv",),
            ),
        ),
        size=400_000,
        counts=(("events", 35_592), ("nodes", 5_881), ("positive", 32_029), ("distinct times", 35_592)),
    ),
    DatasetInfo(
        name="bitcoin-alpha",
        title="Trust ratings -10..10 between traders on Bitcoin Alpha, with days",
        record="LoadedStream",
        publisher=_SNAP,
        terms=_NO_LICENCE,
        url="https://snap.stanford.edu/data/soc-sign-bitcoin-alpha.html",
        citation=_BITCOIN_CITATION,
        files=(
            FileInfo(
                path="bitcoin-alpha/soc-sign-bitcoinalpha.csv.gz",
                url="https://snap.stanford.edu/data/soc-sign-bitcoinalpha.csv.gz",
                alternatives=("bitcoin-alpha/soc-sign-bitcoinalpha.csv",),
            ),
        ),
        counts=(("events", 24_186), ("nodes", 3_783), ("positive", 22_650), ("distinct times", 1_647)),
        notes="The file is not sorted by time; the largest group of simultaneous events has 216.",
    ),
    DatasetInfo(
        name="wiki-rfa",
        title="Votes of Wikipedia's requests for adminship 2003-2013, with times and comments",
        record="LoadedStream, or WikiRfa with_text",
        publisher=_SNAP,
        terms=_NO_LICENCE,
        url="https://snap.stanford.edu/data/wiki-RfA.html",
        citation=(
            "R. West, H. S. Paskov, J. Leskovec, C. Potts. Exploiting Social Network Structure for Person-to-Person "
            "Sentiment Analysis. TACL 2, 2014"
        ),
        files=(
            FileInfo(
                path="wiki-rfa/wiki-RfA.txt.gz",
                url="https://snap.stanford.edu/data/wiki-RfA.txt.gz",
                alternatives=("wiki-rfa/wiki-RfA.txt",),
            ),
        ),
        counts=(("records", 198_275),),
        notes=(
            "Neutral votes and votes without a name or a readable date are dropped and counted. Others report 170,500 "
            "events and 10,595 nodes (132,145 positive) after dropping; that is not verified."
        ),
    ),
    DatasetInfo(
        name="epinions",
        title="Trust and distrust statements between reviewers on Epinions, with days",
        record="LoadedStream",
        publisher="KONECT (from SNAP and P. Massa, P. Avesani)",
        terms=_NO_LICENCE,
        url="http://konect.cc/networks/epinions/",
        citation=(
            "P. Massa, P. Avesani. Controversial Users Demand Local Trust Metrics. AAAI 2005; "
            "J. Kunegis. KONECT: The Koblenz Network Collection. WWW 2013"
        ),
        files=(
            FileInfo(
                path="epinions/download.tsv.epinions.tar.bz2",
                url="http://konect.cc/files/download.tsv.epinions.tar.bz2",
                alternatives=("epinions/out.epinions", "epinions/epinions/out.epinions"),
            ),
        ),
        counts=(("records", 841_372),),
        notes=(
            "The number of records is also compared with the one in the file's own header. Others report 131,828 nodes "
            "and 717,667 positive statements; that is not verified."
        ),
    ),
    DatasetInfo(
        name="wiki-rfa-static",
        title="Requests for adminship reduced to source, target and sign, without times",
        record="SignedGraph",
        publisher="PyTorch Geometric Signed Directed (from SNAP)",
        terms=_NO_LICENCE,
        url="https://github.com/SherylHYX/pytorch_geometric_signed_directed",
        citation=(
            "Y. He, X. Zhang, J. Huang, B. Rozemberczki, M. Cucuringu, G. Reinert. PyTorch Geometric Signed Directed. "
            "LoG 2023; R. West et al., TACL 2, 2014"
        ),
        files=(
            FileInfo(
                path="wiki-rfa-static/wikirfa-static.csv",
                url="https://github.com/SherylHYX/pytorch_geometric_signed_directed/raw/main/datasets/wikirfa.csv",
            ),
        ),
        size=2_092_146,
        counts=(("edges", 178_096), ("nodes", 11_259), ("positive", 138_813), ("self-loops", 80)),
    ),
)
