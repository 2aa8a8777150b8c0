from __future__ import annotations

import pytest

from pose.landmarks import Landmark
from pose.tiles import MIN_SIDE_PX, Box, around, levels, to_frame

SIZES = [(1920, 1080), (512, 512), (300, 2000), (640, 97)]


@pytest.mark.parametrize("size", SIZES)
def test_every_level_covers_the_frame_and_stays_inside(size: tuple[int, int]) -> None:
    width, height = size
    for tiles in levels(width, height):
        covered_x = {x for tile in tiles for x in range(tile.left, tile.right)}
        covered_y = {y for tile in tiles for y in range(tile.top, tile.bottom)}
        assert covered_x == set(range(width))
        assert covered_y == set(range(height))


def test_levels_become_finer() -> None:
    assert [tiles[0].width for tiles in levels(1920, 1080)] == [1080, 540, 360]


def test_a_square_frame_is_not_its_own_tile() -> None:
    assert [tiles[0].width for tiles in levels(512, 512)] == [256, 170]


def test_a_frame_too_small_for_landmarks_has_no_tiles() -> None:
    assert list(levels(4000, MIN_SIDE_PX - 1)) == []


def test_a_landmark_of_a_crop_keeps_its_place_in_the_frame() -> None:
    (mark,) = to_frame([Landmark("nose", 0.5, 0.5, 0.2, 1)], Box(100, 0, 200, 50), width=400, height=100)
    assert [mark.x, mark.y, mark.z] == pytest.approx([0.375, 0.25, 0.05])


def test_the_box_around_a_body_is_moved_inside_the_frame() -> None:
    corner = [Landmark("a", 0.0, 0.0, 0, 1), Landmark("b", 0.1, 0.2, 0, 1)]
    assert around(corner, width=1000, height=1000) == Box(0, 0, 300, 300)


def test_the_box_around_a_body_is_never_larger_than_the_frame() -> None:
    outside = [Landmark("a", -1.0, -1.0, 0, 1), Landmark("b", 2.0, 2.0, 0, 1)]
    assert around(outside, width=300, height=200) == Box(0, 0, 300, 200)
