"""The wall's picture against cases worked out by hand."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from viz.figures.atlas import make_atlas
from viz.figures.packing import pack_weights


def pixels(atlas):
    assert atlas.data_url == "data:image/png;base64," + base64.b64encode(atlas.png).decode()
    return np.asarray(Image.open(io.BytesIO(atlas.png)))


# Layer 0 has three heads of 2 x 2, layer 1 has two: five tiles on a sheet of 3 columns and 2 rows.
RAGGED = [
    np.array([[[1.0, 0.0], [0.16, 0.0]], [[0.5, 0.0], [0.0, 0.08]], [[0.0, 0.0], [0.0, 0.0]]]),
    np.array([[[0.04, 0.0], [np.nan, 0.0064]], [[1.0, 0.0], [0.0, 1.0]]]),
]


def test_every_tile_on_its_own_square_root_scale():
    atlas = make_atlas(RAGGED)
    assert (atlas.heads, atlas.size, atlas.columns, atlas.count) == ((3, 2), 2, 3, 5)
    # sqrt(0.16 / 1) = sqrt(0.08 / 0.5) = sqrt(0.0064 / 0.04) = 2/5 -> 102, far from where rounding turns
    expected = [
        [255, 0, 255, 0, 0, 0],
        [102, 0, 0, 102, 0, 0],
        [255, 0, 255, 0, 0, 0],
        [0, 102, 0, 255, 0, 0],
    ]
    assert pixels(atlas).tolist() == expected


def test_one_scale_for_the_whole_model():
    sheet = pixels(make_atlas(RAGGED, shared=True))
    assert sheet[2, 0] == 51  # sqrt(0.04) = 1/5
    assert sheet[0, 2] == 180  # sqrt(0.5) = 0.7071


def test_linear_and_log_scales():
    assert pixels(make_atlas(RAGGED, scale="linear"))[1, 0] == 41  # 0.16 of 255 is 40.8
    # One tenth is one of four decades down: 191.25. (Of one hundredth, 127.5, processors make 127 or 128.)
    tile = np.array([[[[1.0, 0.1], [1e-6, 0.0]]]])
    assert pixels(make_atlas(tile, scale="log")).tolist() == [[255, 191], [0, 0]]


def test_padded_tiles_are_cut_to_the_heads_that_exist():
    padded = np.zeros((2, 3, 2, 2), np.float32)
    padded[0], padded[1, :2] = RAGGED[0], RAGGED[1]
    assert make_atlas(padded, heads=(3, 2)).key == make_atlas(RAGGED).key
    assert make_atlas(padded).heads == (3, 3)


def test_position_of_a_head():
    atlas = make_atlas(RAGGED)
    assert [atlas.index(0, 2), atlas.index(1, 0)] == [2, 3]
    with pytest.raises(IndexError, match="layer 1 has 2 heads"):
        atlas.index(1, 2)


@pytest.mark.parametrize("bad", [[], np.zeros((2, 0, 4, 4)), np.zeros((2, 3, 4, 5)), np.zeros((3, 4, 4))])
def test_what_is_no_wall_of_tiles_is_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        make_atlas(bad)


def test_packed_weights():
    packed = base64.b64decode(pack_weights([[1.0, 0.16], [0.0, np.nan], [1 / 65025, 2.0]]))
    assert list(packed) == [255, 102, 0, 0, 1, 255]
