"""From whatever a person sent to pictures that the house can trust: upright, RGB, of a sane size, without metadata."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import EmptyQuestion, ImageError, InputError, TextTooLong, TooManyImages
from assistant.messages import ImagePart, Message
from assistant.settings import Settings
from assistant.verdicts import Region

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource = Path | bytes | ImagePart
"""A file, the bytes of one, or a picture that has been through here before."""

READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""What stands after ``ftyp`` in the photos of phones (HEIC)."""


def read_message(text: str, images: Sequence[ImageSource], settings: Settings) -> Message:
    """Check a question and read its pictures.

    Raises:
        EmptyQuestion: no text and no picture.
        TextTooLong: more than ``settings.max_text`` characters.
        TooManyImages: more than ``settings.max_images`` pictures.
        ImageError: a picture cannot be used.
    """
    text = text.replace("\x00", "").strip()
    if not text and not images:
        raise EmptyQuestion("There is no question and no picture.", hint="Type a question, or add a picture.")
    if len(text) > settings.max_text:
        raise TextTooLong(
            f"The text has {len(text):,} characters; at most {settings.max_text:,} can be read at once.",
            hint="Shorten it, or ask about one part at a time.",
        )
    if len(images) > settings.max_images:
        raise TooManyImages(
            f"{len(images)} pictures came with one question; at most {settings.max_images} can.",
            hint="Send the others with a second question.",
        )
    return Message(text=text, images=tuple(read_image(image, settings) for image in images))


MOST_REGIONS = 12
"""Places that one question may point at."""

SMALLEST_REGION = 0.005
"""Of the width and of the height of a picture."""


def with_regions(message: Message, regions: Sequence[Region]) -> Message:
    """The question with the places that it points at, sorted by picture.

    Raises:
        InputError: too many, one in a picture that is not there, or one without an inside.
    """
    if len(regions) > MOST_REGIONS:
        raise InputError(f"A question can point at {MOST_REGIONS} places; {len(regions)} came.")
    for region in regions:
        if region.image >= len(message.images):
            raise InputError(
                f"A place is in picture {region.image + 1}, and {len(message.images)} came with the question."
            )
        if min(region.right - region.left, region.bottom - region.top) < SMALLEST_REGION:
            raise InputError("A place must be wider and higher than a hair.", hint="Draw it larger.")
    return message.model_copy(update={"regions": tuple(sorted(regions, key=lambda region: region.image))})


def read_image(source: ImageSource, settings: Settings) -> ImagePart:
    """Read one picture.

    The first frame of an animation is taken, transparency is laid on white, 16-bit and CMYK become 8-bit RGB, the EXIF
    orientation is applied, and then all metadata is gone. What was changed stands in `ImagePart.notes`.

    Raises:
        ImageError: no such file, not a picture, truncated, or over a limit of the settings.
    """
    if isinstance(source, ImagePart):
        return source
    name = source.name if isinstance(source, Path) else ""
    label = f"“{name}”" if name else "The file"
    data = _read_file(source, label, settings) if isinstance(source, Path) else source
    if len(data) > settings.max_image_bytes:
        raise ImageError(
            f"{label} is {len(data) / 1e6:.1f} MB; a picture may have at most {settings.max_image_bytes / 1e6:.0f} MB.",
            hint="Save it smaller.",
        )
    image, keep_jpeg, notes = _decode(data, label, settings)
    encoded = io.BytesIO()
    if keep_jpeg:
        image.save(encoded, "JPEG", quality=95)
    else:
        image.save(encoded, "PNG")
    clean = encoded.getvalue()
    return ImagePart(
        sha256=sha256(clean).hexdigest(),
        media_type="image/jpeg" if keep_jpeg else "image/png",
        width=image.width,
        height=image.height,
        name=name,
        notes=tuple(notes),
        data=clean,
    )


def open_image(part: ImagePart) -> Image:
    """The pixels of a picture that went through `read_image`, in RGB.

    Raises:
        ImageError: its bytes are not at hand.
    """
    from PIL import Image

    if not part.data:
        raise ImageError("The picture's bytes are not at hand.", hint="Load the turn from the store first.")
    with Image.open(io.BytesIO(part.data)) as image:
        return image.convert("RGB")


def _read_file(path: Path, label: str, settings: Settings) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder, not a picture.", hint="Name a file.")
        with path.open("rb") as file:
            return file.read(settings.max_image_bytes + 1)
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}.", hint="Check the path.") from error
    except OSError as error:
        raise ImageError(
            f"{label} cannot be read: {error.strerror or error}.", hint="Check its permissions."
        ) from error


def _decode(data: bytes, label: str, settings: Settings) -> tuple[Image, bool, list[str]]:
    """The picture in RGB, whether it was a JPEG, and what was changed."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not data:
        raise ImageError(f"{label} is empty.", hint="Choose another file.")
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_formats(data, label)) as opened:
                width, height = opened.size
                if width * height > settings.max_image_pixels:
                    raise ImageError(
                        f"{label} has {width} x {height} pixels; at most {settings.max_image_pixels / 1e6:.0f} million "
                        "pixels can be read.",
                        hint="Scale it down first.",
                    )
                was_jpeg = opened.format == "JPEG"
                frames = getattr(opened, "n_frames", 1)
                if frames > 1:
                    notes.append(f"Of {frames} frames only the first is used.")
                    if opened.format != "HEIF":  # which opens at its main picture
                        opened.seek(0)
                opened.load()
                image = _to_rgb(ImageOps.exif_transpose(opened), notes)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{label} would unpack to far more than {settings.max_image_pixels / 1e6:.0f} million pixels.",
            hint="Scale it down first.",
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{label} is not a picture that can be read; {', '.join(READABLE)} and HEIC can.",
            hint="Save it as PNG or JPEG.",
        ) from error
    except Exception as error:  # Pillow's decoders raise many types for broken files
        raise ImageError(
            f"{label} starts like a picture but is damaged or cut off ({error}).",
            hint="Save it again, or send another.",
        ) from error
    longer = max(image.size)
    if longer > settings.max_image_side:
        before = image.size
        image.thumbnail((settings.max_image_side, settings.max_image_side))
        notes.append(f"Scaled from {before[0]} x {before[1]} to {image.width} x {image.height} pixels.")
    fresh = Image.new("RGB", image.size)
    fresh.paste(image)  # nothing of `info` (EXIF, ICC, XMP, text chunks) comes along
    return fresh, was_jpeg, notes


def _formats(data: bytes, label: str) -> tuple[str, ...]:
    """The formats that may be tried on a file. The decoder of phones' photos is loaded for these alone."""
    if data[4:8] != b"ftyp" or data[8:12] not in HEIF_BRANDS:
        return READABLE
    try:
        from pi_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(
            f"{label} is a HEIC photo, and what reads these is not installed.",
            hint="Type: pip install 'glassbox[heic]'. Or save it as JPEG.",
        ) from error
    register_heif_opener()
    return ("HEIF",)


def _to_rgb(image: Image, notes: list[str]) -> Image:
    from PIL import Image as Images

    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        notes.append("16-bit grey was scaled to 8 bits.")
        return _scale_to_8_bit(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        lowest, _ = with_alpha.getchannel("A").getextrema()
        if lowest != 255:
            notes.append("Transparent parts were laid on white.")
        ground = Images.new("RGBA", image.size, "white")
        ground.alpha_composite(with_alpha)
        return ground.convert("RGB")
    return image.convert("RGB")


def _scale_to_8_bit(image: Image) -> Image:
    """Grey of more than 8 bits to 8: by 256 where the values are 16-bit, else by the brightest value."""
    import numpy as np
    from PIL import Image as Images

    values = np.asarray(image).astype(np.float64)
    top = 65535.0 if values.max() > 255 and values.max() <= 65535 else max(255.0, float(values.max()))
    return Images.fromarray((np.clip(values, 0, top) / top * 255).round().astype(np.uint8), mode="L")
