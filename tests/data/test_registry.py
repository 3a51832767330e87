import re
import subprocess
import sys

import pytest

from signwise import data


def test_names_are_sorted_and_described():
    assert list(data.names()) == sorted(data.names())
    for name in data.names():
        info = data.describe(name)
        assert info.name == name
        assert info.title
        assert info.publisher
        assert info.terms
        assert info.citation
        assert info.url.startswith("http")
        assert info.files
        assert info.counts


@pytest.mark.parametrize("name", data.names())
def test_a_set_says_how_to_get_it(name):
    info = data.describe(name)
    assert info.downloadable or info.instructions
    for file in info.files:
        assert not file.path.startswith(("/", ".."))
        assert file.url is None or file.url.startswith(("http://", "https://"))
        if file.checksum is not None:
            algorithm, digest = file.checksum.split(":")
            assert re.fullmatch("[0-9a-f]+", digest)
            assert len(digest) == {"sha256": 64, "sha1": 40, "md5": 32}[algorithm]


def test_records_exist():
    for name in data.names():
        for word in re.findall(r"[A-Z]\w+", data.describe(name).record):
            assert word in data.__all__


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'bitcoin-otc'\?.*a9a"):
        data.describe("bitcoin_otc")
    with pytest.raises(ValueError, match="no data set is called 'zzz'"):
        data.load("zzz")


def test_importing_it_imports_neither_torch_nor_sklearn():
    code = "import sys, signwise.data; print([m for m in ('torch', 'sklearn', 'av', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
