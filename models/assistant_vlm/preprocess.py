"""From a picture to pixels the model reads, and back from a patch to a box of the picture.

Pictures are squeezed to a square, not cropped: nothing is lost at the edges, and a patch maps back by plain fractions.
"""

from typing import Annotated

import torch
from PIL import Image
from torch import Tensor

from assistant_vlm.errors import PictureError


def to_pixels(picture: Image.Image, side: int) -> Annotated[Tensor, "3 height width"]:
    """Pixels in [0, 1] of the picture squeezed to `side` x `side`; transparent parts are put on white.

    Raises:
        PictureError: It is no picture, has no pixels, or its data cannot be read.
    """
    if not isinstance(picture, Image.Image):  # pyright: ignore[reportUnnecessaryIsInstance] - callers from outside
        kind = type(picture).__name__
        raise PictureError(f"expected a PIL picture or a tensor of pixels, got {kind}; open files with PIL.Image.open")
    if min(picture.size) < 1:
        raise PictureError(f"expected a picture of at least 1 x 1 pixels, got {picture.width} x {picture.height}")
    try:
        if "A" in picture.getbands() or "transparency" in picture.info:
            on_white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
            picture = Image.alpha_composite(on_white, picture.convert("RGBA"))
        small = picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    except (OSError, ValueError) as error:
        raise PictureError(f"expected a readable picture, got {error}") from error
    flat = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
    return flat.view(side, side, 3).permute(2, 0, 1).float() / 255


def check_pixels(pixels: Tensor, patch: int) -> Annotated[Tensor, "3 height width"]:
    """Pixels that somebody made themselves, as float32.

    Args:
        pixels: `[3, height, width]`, floating point in [0, 1]; height and width multiples of `patch`.
        patch: Width of a patch in pixels.

    Raises:
        PictureError: Another shape or kind of number, or values out of range or not finite.
    """
    if pixels.ndim != 3 or pixels.shape[0] != 3 or any(n < 1 or n % patch for n in pixels.shape[1:]):
        raise PictureError(
            f"expected pixels of shape [3, height, width], the last two multiples of {patch}; got {list(pixels.shape)}"
        )
    if not pixels.is_floating_point():
        raise PictureError(f"expected floating point pixels in [0, 1], got {pixels.dtype}; divide bytes by 255")
    least, most = float(pixels.min()), float(pixels.max())
    if not (least >= 0 and most <= 1):
        raise PictureError(f"expected pixels in [0, 1], got values from {least:g} to {most:g}")
    return pixels.detach().float().contiguous()


def patch_box(row: int, col: int, rows: int, cols: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a patch, in fractions [0, 1] of the original picture.

    Raises:
        PictureError: There is no such patch.
    """
    if not (0 <= row < rows and 0 <= col < cols):
        raise PictureError(f"expected a row in [0, {rows}) and a column in [0, {cols}), got {row} and {col}")
    return col / cols, row / rows, (col + 1) / cols, (row + 1) / rows
