"""Where a model looked: the attention of each written token over the parts of each picture.

The answer is written once more, token by token, and the attention of the position that writes a token is kept from
every layer of the decoder. Which cells the picture's tokens stand for depends on the family; where it cannot be told,
the map of that picture is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from assistant_backends.hugging.loading import Loaded
from assistant_backends.hugging.prompting import Prompt
from assistant_backends.hugging.writing import generate, repeater_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TILE = re.compile(r"<row_(\d+)_col_(\d+)>")


def attention_maps(
    model: Loaded, prompt: Prompt, tokens: Sequence[int]
) -> tuple[tuple[NDArray[np.float32], ...], tuple[float, ...]]:
    """For each picture of the prompt, the axes [tokens, layers, heads, rows, cols], empty where cells are not known;
    and the logarithm of the probability of each token, empty where there is no map at all."""
    import numpy as np

    cells = picture_cells(model, prompt)
    if all(each is None for each in cells) or not tokens:
        return tuple(np.zeros((0, 0, 0, 0, 0), np.float32) for _ in cells), ()
    logprobs: list[float] = []
    rows = _last_rows(model, prompt, tokens, logprobs.append)
    maps: list[NDArray[np.float32]] = []
    for each in cells:
        if each is None:
            maps.append(np.zeros((0, 0, 0, 0, 0), np.float32))
            continue
        inside = each >= 0
        found = rows[..., np.where(inside, each, 0)] * inside
        maps.append(found.astype(np.float32))
    return tuple(maps), tuple(logprobs[: len(tokens)])


def _last_rows(
    model: Loaded, prompt: Prompt, tokens: Sequence[int], tell: Callable[[float], None]
) -> NDArray[np.float32]:
    """The attention of the position that wrote each token over the prompt: [tokens, layers, heads, positions]."""
    import numpy as np

    steps: list[list[Any]] = []
    seen: dict[int, int] = {}

    def keep(module: Any, _: Any, output: Any) -> None:
        weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
        if weights is None or weights.ndim != 4 or weights.shape[-1] < prompt.tokens:
            return
        step = seen[id(module)] = seen.get(id(module), -1) + 1
        while len(steps) <= step:
            steps.append([])
        steps[step].append(weights[0, :, -1, : prompt.tokens].float().cpu().numpy())

    network = model.network
    before = network.config._attn_implementation
    with ExitStack() as undo:
        network.set_attn_implementation("eager")  # the fast ones do not compute the weights as such
        undo.callback(network.set_attn_implementation, before)
        for name, module in network.get_decoder().named_modules():
            if name.endswith(("self_attn", "attention")):
                undo.callback(module.register_forward_hook(keep).remove)
        generate(model, prompt.inputs, len(tokens), repeater_of(tokens, tell), lambda: False)
    return np.stack([np.stack(step) for step in steps[: len(tokens)]])


def picture_cells(model: Loaded, prompt: Prompt) -> list[NDArray[np.int64] | None]:
    """For each picture, the position in the prompt of each of its cells [rows, cols]; -1 where a cell has none."""
    import numpy as np

    if not prompt.images or model.image_token is None:
        return [None for _ in prompt.images]
    ids = prompt.inputs["input_ids"][0].cpu().numpy()
    runs = _runs(ids, model.image_token)
    grids = prompt.inputs.get("image_grid_thw")
    if grids is not None:
        merge = int(getattr(model.network.config.vision_config, "spatial_merge_size", 1))
        shapes = [(int(rows) // merge, int(cols) // merge) for _, rows, cols in grids.tolist()]
        if [rows * cols for rows, cols in shapes] == [len(run) for run in runs]:
            return [run.reshape(shape) for run, shape in zip(runs, shapes, strict=True)]
        return [None for _ in prompt.images]
    groups = _tiles(model, ids, _apart(runs, len(prompt.images)))
    if len(groups) != len(prompt.images):
        return [None for _ in prompt.images]
    cells = [_put_together(group) for group in groups]
    if getattr(model.processor.image_processor, "do_center_crop", False):
        cells = [
            None if each is None else _with_margins(each, image.width, image.height)
            for each, image in zip(cells, prompt.images, strict=True)
        ]
    return [None if each is None else each.astype(np.int64) for each in cells]


def _runs(ids: NDArray[Any], token: int) -> list[NDArray[Any]]:
    import numpy as np

    at = np.flatnonzero(ids == token)
    if not at.size:
        return []
    return np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)


def _apart(runs: list[NDArray[Any]], pictures: int) -> list[NDArray[Any]]:
    """Pictures that stand side by side without a token between them are cut apart, where each has as many tokens."""
    each = sum(map(len, runs)) // pictures
    if each and len(runs) < pictures and all(len(run) % each == 0 for run in runs):
        return [run[start : start + each] for run in runs for start in range(0, len(run), each)]
    return runs


_Group = dict[tuple[int, int] | None, "NDArray[Any]"]
"""The runs of one picture: by row and column from 1, or ``None`` for the picture as a whole."""


def _tiles(model: Loaded, ids: NDArray[Any], runs: Sequence[NDArray[Any]]) -> list[_Group]:
    """The runs of each picture. A picture that is cut into tiles comes as one run for each, and one for the whole."""
    groups: list[_Group] = []
    going_on = False
    for run in runs:
        before = str(model.tokenizer.convert_ids_to_tokens(int(ids[run[0] - 1]))) if run[0] else ""
        match = _TILE.fullmatch(before)
        place = (int(match[1]), int(match[2])) if match else None
        if not going_on:
            groups.append({})
        groups[-1][place] = run
        going_on = place is not None
    return groups


def _put_together(group: _Group) -> NDArray[Any] | None:
    """The cells of one picture; of one in tiles, those of the tiles."""
    import numpy as np

    squares = {place: each for place, run in group.items() if (each := _square(run)) is not None}
    if len(squares) < len(group):
        return None
    tiles = {place: each for place, each in squares.items() if place is not None}
    if not tiles:
        return squares.get(None)
    rows, cols = max(row for row, _ in tiles), max(col for _, col in tiles)
    if len(tiles) != rows * cols:
        return None
    return np.block([[tiles[row + 1, col + 1] for col in range(cols)] for row in range(rows)])


def _square(run: NDArray[Any]) -> NDArray[Any] | None:
    side = round(len(run) ** 0.5)
    return run.reshape(side, side) if side * side == len(run) else None


def _with_margins(cells: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """The cells of the square in the middle of a picture, as a part of the whole picture."""
    import numpy as np

    rows, cols = cells.shape
    side = round((max(rows, cols) * max(width, height) / min(width, height) - max(rows, cols)) / 2)
    margins = ((0, 0), (side, side)) if width > height else ((side, side), (0, 0))
    return np.pad(cells, margins, constant_values=-1)
