"""What of the engine `hmr2` needs no torch: points, projection, pickles, the made-up body, the guard."""

from __future__ import annotations

import io
import pickle
import socket
import sys
import types
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pose.errors import ConfigurationError
from pose.hmr2 import pickles
from pose.hmr2.body import VERTICES, read_extra_joints, read_mean, read_smpl
from pose.hmr2.guard import DownloadRefused, allow_downloads, forbid_downloads
from pose.hmr2.mapping import INDICES, POINTS, STAND_INS, to_landmarks
from pose.hmr2.projection import View, makes_sense, project, translation
from pose.hmr2.synthetic import synthetic_body
from pose.landmarks import LANDMARK_NAMES

# smplx's numbers of the named vertices (vertex_ids.py, `smplh`); a test with smplx installed holds them to it.
VERTEX_IDS = {
    "nose": 332,
    "reye": 6260,
    "leye": 2800,
    "rear": 4071,
    "lear": 583,
    "rthumb": 6191,
    "rindex": 5782,
    "rmiddle": 5905,
    "rring": 6016,
    "rpinky": 6133,
    "lthumb": 2746,
    "lindex": 2319,
    "lmiddle": 2445,
    "lring": 2556,
    "lpinky": 2673,
    "LBigToe": 3216,
    "LSmallToe": 3226,
    "LHeel": 3387,
    "RBigToe": 6617,
    "RSmallToe": 6624,
    "RHeel": 6787,
}
VIEW = View(camera=(0.9, 0.0, 0.0), centre=(300.0, 200.0), size_px=400.0, image_size=(1000, 500), focal_px=20000.0)


def test_every_landmark_has_a_point_of_its_own_side() -> None:
    for name, index in zip(LANDMARK_NAMES, INDICES):  # noqa: B905  # `strict` is newer than this service's floor
        sides = [side for side in ("left", "right") if side in name]
        point_sides = [side for side in ("left", "right") if side in POINTS[index]]
        assert point_sides in (sides, []), f"{name} is taken from {POINTS[index]}"
        assert not sides or point_sides or name.startswith("mouth")


def test_points_the_body_lacks_are_marked_as_not_seen() -> None:
    landmarks = to_landmarks([(float(i), 0.0, 0.0) for i in range(len(POINTS))], score=0.8)
    assert [mark.name for mark in landmarks] == list(LANDMARK_NAMES)
    assert {mark.name for mark in landmarks if mark.visibility == 0} == set(STAND_INS)
    assert {mark.visibility for mark in landmarks if mark.name not in STAND_INS} == {0.8}
    places = {mark.name: mark.x for mark in landmarks}
    assert places["mouth_left"] == places["nose"]
    assert places["left_eye_outer"] == places["left_eye"] != places["right_eye"]
    assert places["left_foot_index"] == POINTS.index("left_big_toe")


def test_the_body_s_origin_lands_in_the_middle_of_the_box() -> None:
    ((x, y, z),) = project(np.zeros((1, 3)), hips=(0, 0), view=VIEW)
    assert (x * 1000, y * 500, z) == pytest.approx((300, 200, 0))


def test_a_metre_is_as_long_as_the_network_s_scale_says() -> None:
    # s = 0.9: two metres fill 0.9 of the crop's side, here 400 pixels
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    origin, right, down = project(points, hips=(0, 0), view=VIEW)
    assert (right[0] - origin[0]) * 1000 == pytest.approx(180)
    assert (down[1] - origin[1]) * 500 == pytest.approx(180)


def test_depth_has_the_scale_of_x_and_starts_between_the_hips() -> None:
    points = np.array([[0.1, 0.0, 0.2], [-0.1, 0.0, -0.2], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    hip, other_hip, near, aside = project(points, hips=(0, 1), view=VIEW)
    assert hip[2] == pytest.approx(-other_hip[2])
    assert near[2] == pytest.approx(-0.18)
    assert near[2] == pytest.approx(-(aside[0] - 0.3))


def test_the_camera_s_own_offset_moves_the_body() -> None:
    moved = View(camera=(0.9, 0.5, -0.25), centre=(500.0, 250.0), size_px=400.0, image_size=(1000, 500), focal_px=2e4)
    assert translation(moved)[:2] == pytest.approx([0.5, -0.25])
    ((x, y, _z),) = project(np.zeros((1, 3)), hips=(0, 0), view=moved)
    assert (x * 1000 - 500, y * 500 - 250) == pytest.approx((90, -45))


@pytest.mark.parametrize("scale", [0.0, -0.9, float("nan")])
def test_a_camera_that_looks_away_makes_no_sense(scale: float) -> None:
    view = View(camera=(scale, 0.0, 0.0), centre=(5.0, 5.0), size_px=10.0, image_size=(10, 10), focal_px=200.0)
    assert not makes_sense(project(np.zeros((2, 3)), hips=(0, 1), view=view), view=view)


def test_the_made_up_body_has_its_named_points_on_the_right_side() -> None:
    files = synthetic_body(VERTEX_IDS)
    vertices = files.smpl["v_template"]
    assert vertices[VERTEX_IDS["lthumb"], 0] > 0.5  # SMPL's x points to the person's left
    assert vertices[VERTEX_IDS["RHeel"], 0] < 0
    assert vertices[VERTEX_IDS["nose"], 2] > 0.1  # and z forward
    joints = files.smpl["J_regressor"] @ vertices
    assert joints[1, 0] == pytest.approx(0.09)  # the left hip
    assert np.allclose(files.smpl["weights"].sum(axis=1), 1)


def stored(value: Any) -> io.BytesIO:
    return io.BytesIO(pickle.dumps(value, protocol=2))


def test_a_body_is_read_as_it_was_written() -> None:
    smpl = synthetic_body(VERTEX_IDS).smpl
    read = read_smpl(stored(smpl))
    assert all(np.array_equal(read[name], smpl[name]) for name in smpl)


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Classes of the names and with the attributes of chumpy's and SciPy's, there to be pickled and then forgotten."""

    def kind(module: str, name: str) -> Any:
        parts = module.split(".")
        for whole in [".".join(parts[: end + 1]) for end in range(len(parts))]:
            if whole not in sys.modules:
                monkeypatch.setitem(sys.modules, whole, types.ModuleType(whole))
        made = type(name, (), {"__module__": module, "__qualname__": name})
        monkeypatch.setattr(sys.modules[module], name, made, raising=False)
        return made

    def built(cls: Any, **state: Any) -> Any:
        one = cls()
        one.__dict__.update(state)
        return one

    ch, select = kind("chumpy_like.ch", "Ch"), kind("chumpy_like.reordering", "Select")
    csc, other = kind("scipy_like.sparse.csc", "csc_matrix"), kind("chumpy_like.ch", "MatVecMult")
    return types.SimpleNamespace(built=built, ch=ch, select=select, csc=csc, other=other)


def test_a_body_is_read_without_the_library_it_was_made_with(
    chumpy: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    smpl = synthetic_body(VERTEX_IDS).smpl
    rows, columns = np.nonzero(smpl["J_regressor"])
    order = np.argsort(columns, kind="stable")
    starts = np.searchsorted(columns[order], np.arange(VERTICES + 1))
    sparse = chumpy.built(
        chumpy.csc,
        _shape=smpl["J_regressor"].shape,
        indices=rows[order],
        indptr=starts,
        data=smpl["J_regressor"][rows[order], columns[order]],
    )
    flat = chumpy.built(chumpy.ch, x=smpl["shapedirs"].ravel())
    shapes = chumpy.built(chumpy.select, a=flat, idxs=np.arange(flat.x.size), preferred_shape=smpl["shapedirs"].shape)
    data = {**smpl, "J_regressor": sparse, "shapedirs": shapes, "J": chumpy.built(chumpy.other, a=1)}
    data["v_template"] = chumpy.built(chumpy.ch, x=smpl["v_template"])
    stream = stored(data)
    for name in [name for name in sys.modules if name.startswith(("chumpy_like", "scipy_like"))]:
        monkeypatch.delitem(sys.modules, name)
    read = read_smpl(stream)
    assert all(np.array_equal(read[name], smpl[name]) for name in smpl)


def test_a_pickle_s_program_is_not_run(tmp_path: Any) -> None:
    class Program:
        def __reduce__(self) -> tuple[Any, ...]:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    loaded = pickles.load(stored({"array": np.arange(3), "program": Program()}))
    assert loaded["array"].tolist() == [0, 1, 2]
    assert loaded["program"].origin.endswith(".exec")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "EOFError", id="empty"),
        pytest.param(b"not a pickle", "holds no body model", id="text"),
        pytest.param(pickle.dumps({}), "KeyError", id="something else"),
        pytest.param(pickle.dumps({**synthetic_body(VERTEX_IDS).smpl, "f": 3}), "is no array", id="a number for faces"),
        pytest.param(
            pickle.dumps({**synthetic_body(VERTEX_IDS).smpl, "weights": np.zeros((10475, 55))}),
            "weights has the shape (10475, 55)",
            id="another body model",
        ),
    ],
)
def test_what_is_no_body_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_smpl(io.BytesIO(data))
    assert said in str(caught.value)


def test_the_small_files_are_judged_by_their_shapes() -> None:
    with pytest.raises(ConfigurationError, match="no joint regressor"):
        read_extra_joints(stored(np.zeros((19, 5))))
    with pytest.raises(ConfigurationError, match="no mean body"):
        read_mean(io.BytesIO(b"PK"))


@pytest.fixture
def guarded() -> Iterator[None]:
    forbid_downloads()
    yield
    allow_downloads()


@pytest.mark.usefixtures("guarded")
def test_no_library_can_fetch_anything() -> None:
    with pytest.raises(DownloadRefused, match=r"https://example\.com/model"):
        urllib.request.urlopen("https://example.com/model")
    with pytest.raises(DownloadRefused, match=r"example\.com"):
        socket.getaddrinfo("example.com", 443)
    with socket.socket() as connection, pytest.raises(DownloadRefused, match=r"192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 443))


@pytest.mark.usefixtures("guarded")
def test_this_machine_stays_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            accepted, peer = server.accept()
            accepted.close()
            assert peer == client.getsockname()
