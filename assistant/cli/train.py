"""``assistant train``: make weights by a recipe. What does it lives in a checkout and is not part of an install."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli import common
from assistant.cli.common import tell
from assistant.errors import InputError

MODELS = Path(__file__).parents[2] / "models"
"""Where a checkout keeps the package ``training``; in an install there is no such folder."""


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's file, or its name in models/training/recipes.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder with the Parquet files that the recipe names."),
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to keep the run; left out, checkpoints/ and the recipe's name."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint, if there is one.")] = False,
) -> None:
    """Train the bundled model's weights by a recipe. This needs a checkout of the repository.

    A run that was stopped goes on with --resume. For a trial of a few steps, and for a graphics processor, see
    PYTHONPATH=models python -m training.train --help.
    """
    with common.data_output():
        _require_checkout()
        path = find_recipe(recipe)
        training = _import_training()
        needed = _read_recipe(training, path).sets
        if data is not None:
            _check_data(data, [training.datasets.file_of(data, name) for name in needed])
        elif needed:
            tell("No --data FOLDER: of what the recipe names, only what can be drawn is trained on.")
        try:
            training.train.run(path, data, checkpoints, resume)
        except (FileNotFoundError, FileExistsError, ValueError) as error:
            raise InputError(f"The training cannot go on: {error}.") from error
        except KeyboardInterrupt:
            tell("Type the same with --resume to go on from the last checkpoint.")
            raise


def find_recipe(name: str) -> Path:
    """The recipe's file.

    Raises:
        InputError: there is none; the message lists those that there are.
    """
    folder = MODELS / "training" / "recipes"
    for path in (Path(name), folder / name, folder / f"{name}.toml"):
        if path.is_file():
            return path.resolve()
    known = ", ".join(sorted(path.stem for path in folder.glob("*.toml"))) or "none"
    raise InputError(f"There is no recipe {name!r}; there are: {known}.", hint="Name one of these, or a recipe's file.")


def _require_checkout() -> None:
    if not (MODELS / "training" / "train.py").is_file():
        raise InputError(
            "Training needs a checkout of the repository; an installed Glassbox comes without the training code.",
            hint='Clone the repository, type there: python -m pip install -e ".[train]", and run this again.',
        )


def _import_training() -> Any:
    """The package ``training``. It is no part of an install, so no import statement of ours can name it."""
    if str(MODELS) not in sys.path:
        sys.path.insert(0, str(MODELS))
    try:
        for module in ("datasets", "recipe", "train"):
            import_module(f"training.{module}")
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        raise InputError(
            f"Training needs {missing or 'a package'}, which cannot be imported: {error}.",
            hint=f"Type: python -m pip install {missing}" if missing == "pyarrow" else "Type: assistant doctor",
        ) from error
    return sys.modules["training"]


def _read_recipe(training: Any, path: Path) -> Any:
    try:
        return training.recipe.Recipe.from_file(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The recipe cannot be read: {error}.", hint="See models/training/recipes for good ones."
        ) from error


def _check_data(folder: Path, files: list[Path]) -> None:
    if not folder.is_dir():
        raise InputError(f"--data should name a folder with Parquet files; {folder} is none.", hint="Check the path.")
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {len(files)} files that the recipe reads: {', '.join(missing)}.",
            hint="Put them there, or take these sets out of a copy of the recipe.",
        )
