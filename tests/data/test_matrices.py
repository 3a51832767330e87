import sys

import numpy as np
import pytest
import scipy.io

from signwise import data
from signwise.data._matrices import read_libsvm, read_video
from signwise.errors import DataError, MissingExtraError


def test_libsvm(tmp_path):
    (tmp_path / "a").write_text("-1 3:1 11:1 \n+1 1:0.5 123:2\n")
    x, y = read_libsvm(tmp_path / "a", 123)
    assert y.tolist() == [-1, 1]
    assert x.shape == (2, 123)
    assert x.toarray()[1, [0, 122]].tolist() == [0.5, 2]
    assert x.toarray()[0].nonzero()[0].tolist() == [2, 10]


@pytest.mark.parametrize("row", ["+1 124:1", "+1 1;2", "x 1:2", "3 1:2"])
def test_libsvm_of_another_form_is_named(tmp_path, row):
    (tmp_path / "a.libsvm").write_text(f"-1 3:1\n{row}\n")
    with pytest.raises(DataError, match=r"a\.libsvm: "):
        read_libsvm(tmp_path / "a.libsvm", 123)


def mat(path, **content):
    path.parent.mkdir(exist_ok=True)
    scipy.io.savemat(path, content)


def test_escalator_frames_are_stored_by_columns(tmp_path):
    frames = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    x = np.stack([frame.ravel(order="F") for frame in frames], 1)
    mat(tmp_path / "lowrank" / "escalator_data.mat", X=x, m=np.uint8(3), n=np.uint8(4))
    video = data.load("escalator", tmp_path, verify=False)
    np.testing.assert_array_equal(video.frames, frames)
    np.testing.assert_array_equal(video.matrix(), frames.reshape(2, 12).T)
    with pytest.raises(DataError, match="has 200 frames, this file has 2"):
        data.load("escalator", tmp_path)


def test_faces_are_stored_by_columns_and_counted_from_zero(tmp_path):
    faces = np.arange(2 * 9, dtype=np.uint8).reshape(2, 3, 3)
    fea = np.stack([face.ravel(order="F") for face in faces])
    mat(tmp_path / "lowrank" / "YaleB_32x32.mat", fea=fea, gnd=np.array([[1], [38]], np.uint8))
    loaded = data.load("yale-b", tmp_path, verify=False)
    np.testing.assert_array_equal(loaded.images, faces)
    assert loaded.subjects.tolist() == [0, 37]


def test_a_matrix_file_of_another_form_is_named(tmp_path):
    path = tmp_path / "lowrank" / "escalator_data.mat"
    mat(path, X=np.zeros((11, 2)), m=3, n=4)
    with pytest.raises(DataError, match=r"X has shape \(11, 2\); expected 3 \* 4 rows"):
        data.load("escalator", tmp_path, verify=False)
    mat(path, Y=np.zeros(2))
    with pytest.raises(DataError, match="has no variable X, m, n"):
        data.load("escalator", tmp_path, verify=False)
    path.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(DataError, match=r"escalator_data\.mat"):
        data.load("escalator", tmp_path, verify=False)


def test_a_truncated_matrix_file_is_named(tmp_path):
    path = tmp_path / "lowrank" / "escalator_data.mat"
    mat(path, X=np.zeros((12, 50)), m=3, n=4)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"escalator_data\.mat"):
        data.load("escalator", tmp_path, verify=False)


def test_highway(tmp_path):
    path = tmp_path / "highway.npz"
    frames = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.savez_compressed(path, frames=frames)
    np.testing.assert_array_equal(data.load("highway", path, verify=False).frames, frames)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"highway\.npz"):
            data.load("highway", path, verify=False)
    np.savez_compressed(path, other=frames)
    with pytest.raises(DataError, match=r"highway\.npz"):
        data.load("highway", path, verify=False)


@pytest.fixture
def video(tmp_path):
    av = pytest.importorskip("av", reason="the extra video is not installed")
    path = tmp_path / "clip.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg1video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in (40, 120, 200):
            picture = np.full((48, 64, 3), level, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_a_video_is_decoded(video):
    frames = read_video(video)
    assert frames.shape == (3, 48, 64)
    assert (np.diff(frames.mean((1, 2))) > 50).all()
    colour = data.load("highway-video", video, verify=False, colour=True)
    assert colour.frames.shape == (3, 48, 64, 3)
    with pytest.raises(ValueError, match="yale-b has one form only"):
        data.load("yale-b", colour=True)


def test_what_is_not_a_video_is_named(tmp_path):
    pytest.importorskip("av", reason="the extra video is not installed")
    (tmp_path / "clip.mpg").write_bytes(b"not a video")
    with pytest.raises(DataError, match=r"clip\.mpg: cannot be decoded"):
        read_video(tmp_path / "clip.mpg")


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"signwise\[video\]"):
        read_video(tmp_path / "clip.mpg")


@pytest.mark.data
def test_a9a_as_published(data_root):
    table = data.load("a9a", data_root("tabular/a9a.libsvm"))
    assert table.x.shape == (32_561, 123)
    assert int((table.y > 0).sum()) == 7_841
    assert set(table.x.data.tolist()) == {1.0}


@pytest.mark.data
def test_videos_and_faces_as_published(data_root):
    root = data_root(*(data.describe(name).files[0].path for name in ("escalator", "highway", "yale-b")))
    escalator = data.load("escalator", root)
    singular = np.linalg.svd(escalator.matrix().astype(np.float64), compute_uv=False)
    assert round(float(singular[1] / singular[0]), 3) == 0.067
    # Neighbouring rows are alike only if columns are not mistaken for rows.
    steps = np.abs(np.diff(escalator.frames[0].astype(int), axis=0)).mean()
    assert steps < 30
    assert data.load("highway", root).frames.shape == (200, 120, 160)
    faces = data.load("yale-b", root)
    assert faces.images.shape == (2_414, 32, 32)
    assert len(np.unique(faces.subjects)) == 38
    # A face lit from the front is alike on both sides.
    face = faces.images[0].astype(int)
    assert np.abs(face - face[:, ::-1]).mean() < np.abs(face - face[::-1]).mean()


@pytest.mark.data
def test_highway_video_as_published(data_root):
    pytest.importorskip("av", reason="the extra video is not installed")
    root = data_root("lowrank/highway.mpg")
    assert data.load("highway-video", root).frames.shape == (1_700, 240, 320)
