"""Whatever is sent: a sane picture without metadata, or a sentence that says what to do."""

from __future__ import annotations

import base64
import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from assistant.errors import EmptyQuestion, ImageError, TextTooLong, TooManyImages
from assistant.intake import open_image, read_image, read_message
from assistant.settings import Settings
from assistant.testing import picture


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def test_an_ordinary_picture_keeps_its_pixels(settings: Settings) -> None:
    part = read_image(picture(), settings)
    original = np.asarray(Image.open(io.BytesIO(picture())).convert("RGB"))
    assert (np.asarray(open_image(part)) == original).all()
    assert (part.width, part.height, part.media_type, part.notes) == (96, 64, "image/png", ())


def test_the_hash_is_over_the_kept_bytes_and_is_stable(settings: Settings) -> None:
    assert read_image(picture(), settings).sha256 == read_image(picture(), settings).sha256
    assert read_image(picture(), settings).sha256 != read_image(picture("blue"), settings).sha256


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(settings: Settings, orientation: int) -> None:
    """Drawn turned, tagged as turned: it must come out as it was meant."""
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("red", (0, 0, 10, 10))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    turned = upright.transpose(undo) if undo is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    part = read_image(encoded(turned, "PNG", exif=exif), settings)
    assert (part.width, part.height) == (40, 20)
    assert open_image(part).getpixel((5, 5)) == (255, 0, 0)
    assert open_image(part).getpixel((35, 15)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_metadata_is_kept(settings: Settings, format: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    options: dict[str, object] = {"exif": exif}
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "SECRET-COMMENT")
        options["pnginfo"] = text
    source = encoded(Image.new("RGB", (50, 50), "red"), format, **options)
    assert b"SECRET" in source
    part = read_image(source, settings)
    assert b"SECRET" not in part.data
    with Image.open(io.BytesIO(part.data)) as kept:
        assert not kept.getexif()
        assert not {"exif", "icc_profile", "Comment", "xmp"} & set(kept.info)


def test_transparency_is_laid_on_white_and_said(settings: Settings) -> None:
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 10, 10))
    part = read_image(encoded(image, "PNG"), settings)
    assert open_image(part).getpixel((15, 15)) == (255, 255, 255)
    assert open_image(part).getpixel((5, 5)) == (0, 0, 255)
    assert part.notes == ("Transparent parts were laid on white.",)


def test_palette_transparency(settings: Settings) -> None:
    image = Image.new("P", (10, 10), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    part = read_image(encoded(image, "PNG", transparency=0), settings)
    assert open_image(part).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_contrast(settings: Settings) -> None:
    values = np.linspace(0, 65535, 100 * 10).reshape(10, 100).astype(np.uint16)
    part = read_image(encoded(Image.fromarray(values), "PNG"), settings)
    grey = np.asarray(open_image(part))[:, :, 0].astype(int)
    assert np.abs(grey - values // 257).max() <= 1
    assert "16-bit" in part.notes[0]


def test_cmyk(settings: Settings) -> None:
    part = read_image(encoded(Image.new("CMYK", (30, 30), (0, 255, 255, 0)), "JPEG"), settings)
    red, green, blue = open_image(part).getpixel((15, 15))
    assert red > 200
    assert green < 60
    assert blue < 60


def test_of_an_animation_the_first_frame(settings: Settings) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    source = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    part = read_image(source, settings)
    assert open_image(part).getpixel((10, 10)) == (255, 0, 0)
    assert part.notes == ("Of 3 frames only the first is used.",)


def test_one_pixel(settings: Settings) -> None:
    part = read_image(encoded(Image.new("RGB", (1, 1), "red"), "PNG"), settings)
    assert (part.width, part.height) == (1, 1)


def test_a_wrong_suffix_does_not_matter(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture(format="PNG"))
    assert read_image(path, settings).media_type == "image/png"


def test_large_pictures_are_scaled_and_that_is_said(settings: Settings) -> None:
    part = read_image(encoded(Image.new("RGB", (3000, 100)), "PNG"), settings)
    assert (part.width, part.height) == (2048, 68)
    assert part.notes == ("Scaled from 3000 x 100 to 2048 x 68 pixels.",)


def bomb(side: int) -> bytes:
    """A tiny PNG whose header promises side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (b"hello, this is no picture", "not a picture"),
        (b"%PDF-1.7 and so on", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (picture(size=(400, 400), format="JPEG")[:2000], "damaged or cut off"),
        (picture(size=(400, 400))[:300], "damaged or cut off"),
        (bomb(60_000), "pixels"),
        (bomb(10_000), "at most 50 million pixels"),
        (b"\0" * 20_000_001, "at most 20 MB"),
    ],
    ids=["empty", "text", "pdf", "svg", "cut jpeg", "cut png", "bomb", "smaller bomb", "too many bytes"],
)
def test_what_cannot_be_used_says_why_and_what_to_do(settings: Settings, data: bytes, expected: str) -> None:
    with pytest.raises(ImageError, match=expected) as caught:
        read_image(data, settings)
    assert caught.value.hint


def test_wrong_paths(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="There is no file"):
        read_image(tmp_path / "nowhere.png", settings)
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path, settings)


def test_text_limits(settings: Settings) -> None:
    with pytest.raises(EmptyQuestion, match="no question and no picture"):
        read_message(" \n\t\0", [], settings)
    with pytest.raises(TextTooLong, match="100,000 characters; at most 20,000"):
        read_message("a" * 100_000, [], settings)
    with pytest.raises(TooManyImages, match="9 pictures"):
        read_message("what?", [picture()] * 9, settings)
    assert read_message("", [picture()], settings).text == ""
    assert read_message("  what\0 is this?  ", [], settings).text == "what is this?"


PHONE_PHOTO = base64.b64decode(
    """
    AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA
    ADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAJUAAgAAAAACgQABAAAAAAAAADwAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA
    AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAA
    kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq
    5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh
    cAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEA
    AQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAANltZGF0AAAAkSgBrxOA+BDhp//8vyj/+SHPD86RmYlW/rZElH2j
    w//Jq8PySkWumhSZWXerYkimqBL4ZiWQmt9dAoJW+l9I3EaTNNpA+pzUnQvOhSvFmTut1oATMg7vg7iDjQCVfPAPDECiXIaxCuwB
    HCiBAePgCZd6Efqd6XP79/MSvj9pNAB5sAPin5+WH48rvY6P07sqJ9AAAAAGRXhpZgAATU0AKgAAAAgAAgEPAAIAAAAMAAAAJgES
    AAMAAAABAAYAAAAAAABTRUNSRVRNQUtFUgA=
    """
)
"""A HEIC of 64 x 32 pixels, red on the left and white on the right, that its EXIF turns by 90 degrees."""


def test_a_photo_of_a_phone_is_read_upright_and_without_metadata(settings: Settings, tmp_path: Path) -> None:
    pytest.importorskip("pi_heif", reason="the extra heic is missing; install it with: pip install -e '.[dev]'")
    assert b"SECRETMAKER" in PHONE_PHOTO
    file = tmp_path / "IMG_0001.HEIC"
    file.write_bytes(PHONE_PHOTO)
    part = read_image(file, settings)
    assert (part.width, part.height, part.media_type, part.name) == (32, 64, "image/png", "IMG_0001.HEIC")
    assert b"SECRETMAKER" not in part.data
    pixels = np.asarray(open_image(part)).astype(int)
    assert pixels[8, 16, 0] > 180 > 80 > pixels[8, 16, 1]
    assert pixels[56, 16].min() > 220
    with pytest.raises(ImageError, match=r"is not a picture|damaged or cut off"):
        read_image(PHONE_PHOTO[:400], settings)


def test_without_its_reader_a_photo_of_a_phone_says_what_to_type(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageError, match=r"pip install 'glassbox\[heic\]'"):
        read_image(PHONE_PHOTO, settings)
