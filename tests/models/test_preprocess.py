from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assistant_vlm import LoadedModel
from assistant_vlm.errors import PictureError
from assistant_vlm.picture import EncodedImage
from assistant_vlm.preprocess import check_pixels, patch_box, to_pixels


@given(st.integers(1, 20), st.integers(1, 20))
def test_patches_cover_the_picture_without_gap_or_overlap(rows: int, cols: int) -> None:
    image = EncodedImage(torch.zeros(1, rows * cols, 4), None, rows, cols)
    boxes = [image.patch_box(row, col) for row in range(rows) for col in range(cols)]
    # float64: sums of up to 400 areas
    assert sum((r - le) * (b - t) for le, t, r, b in boxes) == pytest.approx(1.0, abs=1e-9)
    assert all(0 <= le < r <= 1 and 0 <= t < b <= 1 for le, t, r, b in boxes)
    assert boxes[0][:2] == (0, 0)
    assert boxes[-1][2:] == (1, 1)
    for row in range(rows):
        for col in range(cols - 1):
            assert image.patch_box(row, col)[2] == image.patch_box(row, col + 1)[0]


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, 4), (4, 0)])
def test_a_patch_that_is_not_there_is_named(row: int, col: int) -> None:
    with pytest.raises(PictureError, match=str(row)):
        patch_box(row, col, 4, 4)


@pytest.mark.parametrize("size", [(100, 50), (32, 200), (300, 300)])
def test_a_mark_lands_in_the_patch_whose_box_holds_it(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size)
    left, top, right, bottom = (round(v * s) for v, s in zip(patch_box(1, 2, 4, 4), (*size, *size), strict=True))
    picture.paste((255, 255, 255), (left, top, right, bottom))
    light = to_pixels(picture, 32).mean(0).view(4, 8, 4, 8).mean((1, 3))
    assert divmod(int(light.argmax()), 4) == (1, 2)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_pixels_are_in_range_for_every_mode(mode: str) -> None:
    pixels = to_pixels(Image.new(mode, (7, 3)), 16)
    assert pixels.shape == (3, 16, 16)
    assert pixels.dtype == torch.float32
    assert 0 <= pixels.min() <= pixels.max() <= 1


def test_transparent_parts_are_white() -> None:
    assert to_pixels(Image.new("RGBA", (5, 5), (255, 0, 0, 0)), 8).min() == 1


def test_one_pixel_is_a_picture() -> None:
    assert to_pixels(Image.new("RGB", (1, 1), "white"), 8).min() == 1


def test_no_pixel_is_not() -> None:
    with pytest.raises(PictureError, match="0 x 5"):
        to_pixels(Image.new("RGB", (0, 5)), 8)


def test_what_is_no_picture_is_named() -> None:
    with pytest.raises(PictureError, match="got bytes; open files with"):
        to_pixels(cast("Image.Image", b"\x89PNG"), 16)


def test_truncated_data_is_an_error_of_ours() -> None:
    import io

    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "PNG")
    broken = Image.open(io.BytesIO(file.getvalue()[:800]))
    with pytest.raises(PictureError, match="readable"):
        to_pixels(broken, 16)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (torch.zeros(1, 3, 32, 32), r"\[3, height, width\].*got \[1, 3, 32, 32\]"),
        (torch.zeros(4, 32, 32), r"got \[4, 32, 32\]"),
        (torch.zeros(3, 32, 30), "multiples of 8; got"),
        (torch.zeros(3, 0, 32), "multiples of 8; got"),
        (torch.full((3, 32, 32), 255.0), "from 255 to 255"),
        (torch.full((3, 32, 32), -0.1), r"in \[0, 1\], got values from -0.1"),
        (torch.full((3, 32, 32), float("nan")), "from nan"),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), "torch.uint8"),
    ],
)
def test_pixels_that_do_not_fit_are_named(tiny: LoadedModel, pixels: torch.Tensor, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        check_pixels(pixels, 8)
    with pytest.raises(PictureError, match=said):
        tiny.encode_image(pixels)


def test_own_pixels_of_another_size_are_a_picture(tiny: LoadedModel) -> None:
    picture = Image.radial_gradient("L").convert("RGB")
    assert tiny.encode_image(to_pixels(picture, 32)) is tiny.encode_image(picture)
    larger = tiny.encode_image(to_pixels(picture, 64).double())
    assert (larger.rows, larger.cols) == (8, 8)
    assert list(tiny.generate(larger, "what?"))
    assert tiny.cross_attention(larger, "what?", (), list(tiny.generate(larger, "what?"))).weights.shape[-2:] == (8, 8)
