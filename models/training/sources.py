"""Where training pictures come from: each source makes one picture and as many conversations about it as are wanted."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from training.asking import LABEL_SETS, NAMING_SETS, as_stated, ask_beyond, ask_row
from training.augmenting import Pixels, varied
from training.boxes import draw_boxes, random_boxes
from training.charts import ask_chart, draw_chart, random_chart
from training.collages import ask_collage, random_collage
from training.conversations import conversation
from training.datasets import ALL_SETS, VisionData
from training.noise import no_information
from training.questions import CANNOT_TELL, KINDS, Asked, ask
from training.scenes import Scene, random_scene, render
from training.statements import state
from training.talk import NEEDS_PICTURE, ask_talk
from training.wording import typed


@dataclass
class Mix:
    """Choices inside the sources.

    Attributes:
        most_things: Most shapes in a drawn scene.
        longer: Share of conversations about drawn scenes with more than one question.
        with_word: Share of drawn scenes with a word or number.
        kinds: Replaces shares of `questions.KINDS`, to train more on what is hard.

    Raises:
        ValueError: `kinds` has a name that is not in `questions.KINDS`.
    """

    most_things: int = 8
    longer: float = 0.15
    with_word: float = 0.15
    kinds: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        if unknown := set(self.kinds) - set(KINDS):
            raise ValueError(f"expected kinds of questions among {sorted(KINDS)}, got {sorted(unknown)}")


@dataclass
class Example:
    """One picture with conversations about it.

    Attributes:
        pixels: `[side side 3]`; None for talk without a picture.
        conversations: Made when asked for, without end where the picture allows.
        scene: What a drawn scene shows.
        label: Index into `VisionData.label_space`, or -1.
    """

    pixels: Pixels | None
    conversations: Iterator[list[Asked]]
    scene: Scene | None = None
    label: int = -1


def squeezed(picture: Image.Image, side: int) -> Pixels:
    """The picture as `[side side 3]`, squeezed as `assistant_vlm.preprocess` does."""
    if picture.size != (side, side):
        picture = picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(picture.convert("RGB"))


def soften(rng: random.Random, picture: Image.Image) -> Image.Image:
    """Sometimes blur a little, as pictures from elsewhere are."""
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.1))) if rng.random() < 0.2 else picture


def _scenes(rng: random.Random, side: int, mix: Mix) -> Example:
    scene = random_scene(rng, mix.most_things, mix.with_word)
    picture = soften(rng, render(scene, rng.choice((96, 128, 128, 160, 192))))
    asked = (conversation(rng, scene, mix.longer, mix.kinds) for _ in itertools.count())
    return Example(squeezed(picture, side), _with_talk(rng, asked), scene)


def _charts(rng: random.Random, side: int, mix: Mix) -> Example:
    chart = random_chart(rng)
    picture = soften(rng, draw_chart(chart, rng.choice((128, 128, 160, 192))))

    def asked() -> Iterator[list[Asked]]:
        for _ in itertools.count():
            one = ask_chart(rng, chart)
            yield [replace(one, question=typed(rng, one.question))]

    return Example(squeezed(picture, side), asked())


def _boxes(rng: random.Random, side: int, mix: Mix) -> Example:
    boxes = random_boxes(rng)

    def asked() -> Iterator[list[Asked]]:
        for _ in itertools.count():
            if (one := state(rng, boxes)) is not None:
                yield [replace(one, question=as_stated(rng, one.question))]

    return Example(squeezed(draw_boxes(boxes), side), asked())


def _collage(rng: random.Random, side: int, data: VisionData) -> Example:
    collage, pixels = random_collage(rng, data, side)

    def asked() -> Iterator[list[Asked]]:
        for _ in itertools.count():
            one = ask_collage(rng, collage, data)
            yield [replace(one, question=typed(rng, one.question))]

    return Example(pixels, asked())


def _noise(rng: random.Random, side: int, mix: Mix) -> Example:
    scene = random_scene(rng)
    asked = ([Asked(typed(rng, ask(rng, scene).question), CANNOT_TELL, "noise")] for _ in range(4))
    return Example(squeezed(no_information(rng, side), side), asked)


def _talk(rng: random.Random, side: int, mix: Mix) -> Example:
    """Questions about a picture that nobody gave, and talk that needs none."""
    scene = random_scene(rng)

    def turns() -> Iterator[list[Asked]]:
        for i in itertools.count():
            if i % 5 == 0:
                yield [Asked(typed(rng, ask(rng, scene).question), NEEDS_PICTURE, "no picture")]
            yield _talked(rng)

    return Example(None, turns())


def _talked(rng: random.Random) -> list[Asked]:
    turns = [ask_talk(rng) for _ in range(rng.choice((1, 1, 1, 2)))]
    return [Asked(typed(rng, t.question), t.answer, t.kind, t.about) for t in turns]


def _with_talk(rng: random.Random, asked: Iterator[list[Asked]]) -> Iterator[list[Asked]]:
    """Now and then small talk beside a picture; not what is answered by asking for one."""
    if rng.random() < 0.1:
        yield next(asked)
        talk = _talked(rng)
        if talk[0].about["intent"] not in ("knowledge", "greeting", "help", "identity"):
            yield talk
    yield from asked


GENERATED: Final[dict[str, Callable[[random.Random, int, Mix], Example]]] = {
    "scenes": _scenes,
    "charts": _charts,
    "boxes": _boxes,
    "noise": _noise,
    "talk": _talk,
}
"""Sources that need no data: each takes the generator of chance, the picture's side and the mix."""
SOURCES: Final = (*GENERATED, "collage", *ALL_SETS)


def _from_set(rng: random.Random, name: str, side: int, data: VisionData) -> Example:
    row = rng.choice(data.rows[name])

    def asked() -> Iterator[list[Asked]]:
        if len(row.qa) == 1 and name not in LABEL_SETS:
            yield [ask_row(rng, row, data)]
            return
        for _ in itertools.count():
            beyond = name in LABEL_SETS and name not in NAMING_SETS and rng.random() < 0.03
            yield [ask_beyond(rng) if beyond else ask_row(rng, row, data)]

    return Example(varied(rng, row, side), asked(), label=data.label_index(row))


def make_example(rng: random.Random, source: str, side: int, mix: Mix, data: VisionData | None) -> Example:
    """A picture of `side` pixels from a source.

    Raises:
        ValueError: There is no such source, or it is a data set that was not read.
    """
    if source in GENERATED:
        return GENERATED[source](rng, side, mix)
    if source == "collage" and data is not None:
        return _collage(rng, side, data)
    if data is None or source not in data.rows:
        raise ValueError(f"expected a source among {SOURCES}, its data read where it is a set; got {source!r}")
    return _from_set(rng, source, side, data)
