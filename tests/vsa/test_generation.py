"""Saving an index: killed at any step, the old or the new one is readable; damage is named."""

import json
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from signwise.errors import ArtifactError, EncoderMismatchError, IndexCorruptError, SignwiseError
from signwise.vsa import JSONEncoder, JSONIndex

ENCODER = JSONEncoder(512, strings=("whole",))

SCRIPT = """
    import os, pathlib, signal, sys
    from signwise.vsa import JSONEncoder, JSONIndex, _entries, _generation, _rows

    ENCODER = JSONEncoder(512, strings=("whole",))
    step, cut = 0, 0

    def counted(owner, name):
        call = getattr(owner, name)
        def wrapper(*args, **kwargs):
            global step
            step += 1
            if step > cut:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)
        setattr(owner, name, wrapper)

    def work(path):
        index = JSONIndex.load(path)
        for owner, name in (
            (os, "fsync"), (pathlib.Path, "replace"), (pathlib.Path, "unlink"), (_generation, "_size_and_sha256"),
            (_entries.Entries, "insert"), (_entries.Entries, "commit"), (_rows.Rows, "append"),
        ):
            counted(owner, name)
        index.add([{"name": "new"}], keys=["new"])
        index.save(path)

    while True:
        path = pathlib.Path(sys.argv[1]) / str(cut)
        index = JSONIndex(ENCODER)
        index.add([{"name": "old"}], keys=["old"])
        index.save(path)
        child = os.fork()
        if child == 0:
            work(path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(status)
        cut += 1
"""


def saved(path):
    index = JSONIndex(ENCODER)
    index.add([{"name": "old"}], keys=["old"])
    index.save(path)
    return path


def test_killed_at_every_step_the_old_or_the_new_is_readable(tmp_path):
    """A real process that is killed before its n-th step, for every n."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "SIGNWISE_THREADS": "1"})
    seen = []
    for cut in range(len(list(tmp_path.iterdir()))):
        path = tmp_path / str(cut)
        seen.append(tuple(JSONIndex.load(path).keys()))
        index = JSONIndex.load(path)
        index.upsert([{"name": "after"}], keys=["after"])
        index.save(path)
        assert JSONIndex.load(path).keys()[-1] == "after"
        # What the killed process left is gone: one manifest, one generation, the lock.
        assert len(list(path.iterdir())) == 5
    assert seen == sorted(seen)
    assert set(seen) == {("old",), ("old", "new")}
    assert len(seen) > 12


def test_an_exception_while_saving_leaves_the_old(tmp_path, monkeypatch):
    path = saved(tmp_path / "index")
    index = JSONIndex.load(path)
    index.add([{"name": "new"}], keys=["new"])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            index.save(path)
    assert JSONIndex.load(path).keys() == ["old"]
    index.save(path)
    assert JSONIndex.load(path).keys() == ["old", "new"]


@pytest.mark.parametrize("role", ["vectors", "entries", "encoder", "MANIFEST"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_damage_is_named(tmp_path, role, damage):
    path = saved(tmp_path / "index")
    (file,) = path.glob(f"{role}*")
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-2])
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    with pytest.raises(IndexCorruptError, match=role):
        JSONIndex.load(path)
    if role == "MANIFEST" and damage != "gone":
        # What is left of a damaged index is not written over.
        with pytest.raises(IndexCorruptError, match=role):
            JSONIndex(ENCODER).save(path)


def test_versions_and_strangers(tmp_path):
    with pytest.raises(IndexCorruptError, match="no index is there"):
        JSONIndex.load(tmp_path / "nothing")
    path = saved(tmp_path / "index")
    manifest = json.loads((path / "MANIFEST.json").read_text())
    (path / "MANIFEST.json").write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(IndexCorruptError, match="upgrade signwise"):
        JSONIndex.load(path)
    (path / "MANIFEST.json").write_text('{"format": "else"}')
    with pytest.raises(IndexCorruptError, match="not the manifest"):
        JSONIndex.load(path)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    with pytest.raises(ArtifactError, match=r"thesis\.tex"):
        JSONIndex(ENCODER).save(foreign)
    assert [p.name for p in foreign.iterdir() if p.name != ".lock"] == ["thesis.tex"]


def test_another_encoder_is_refused_by_the_name_of_its_option(tmp_path):
    path = saved(tmp_path / "index")
    for option, value in (("d", 1024), ("seed", 1), ("strings", ("words",)), ("weights", {"a": 2})):
        other = JSONEncoder(**{"d": 512, "strings": ("whole",), option: value})
        with pytest.raises(EncoderMismatchError, match=f"with {option}="):
            JSONIndex.load(path, encoder=other)
    fitted = JSONEncoder(512, strings=("whole",)).fit([{"n": i} for i in range(10)])
    with pytest.raises(EncoderMismatchError, match="fitted state"):
        JSONIndex.load(path, encoder=fitted)
    assert issubclass(IndexCorruptError, SignwiseError)
    assert issubclass(EncoderMismatchError, SignwiseError)
    same = JSONEncoder(512, strings=("whole",), output="int32")
    assert JSONIndex.load(path, encoder=same).keys() == ["old"]


def test_a_fitted_encoder_comes_back(tmp_path):
    documents = [{"n": float(i), "name": f"name {i % 3}"} for i in range(20)]
    encoder = JSONEncoder(512, idf=True).fit(documents)
    index = JSONIndex(encoder)
    index.add(documents)
    index.save(tmp_path / "index")
    loaded = JSONIndex.load(tmp_path / "index")
    assert loaded.encoder.fingerprint == encoder.fingerprint
    assert loaded.search(documents[4]) == index.search(documents[4])


def test_saves_repeat(tmp_path):
    first, second = saved(tmp_path / "a"), saved(tmp_path / "b")
    for file in sorted(first.iterdir()):
        assert file.read_bytes() == (second / file.name).read_bytes(), file.name


def test_a_reader_meets_a_writer(tmp_path):
    path = saved(tmp_path / "index")
    stop = threading.Event()

    def write():
        index = JSONIndex.load(path)
        while not stop.is_set():
            index.save(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(40):
            assert JSONIndex.load(path).search({"name": "old"})[0].key == "old"
    finally:
        stop.set()
        writer.join()
