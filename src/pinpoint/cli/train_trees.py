"""`pinpoint train-trees`: from labelled pictures to regression trees, which need no accelerator."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pinpoint.io.errors import UnreadableError

if TYPE_CHECKING:
    from pinpoint.training.trees import Growth

__all__ = ["train_trees"]

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def train_trees(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="Labels, in any format.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="An .npz file.")],
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the pictures.", show_default="beside the labels"),
    ] = None,
    levels: Annotated[int | None, typer.Option(min=1, help="How often keypoints are refined.")] = None,
    trees: Annotated[int | None, typer.Option(min=1, help="Trees in each level.")] = None,
    starts: Annotated[
        int | None, typer.Option(min=1, help="From how many places each instance is learnt.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed grows the same trees.")] = 0,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the decoded pictures.")] = None,
) -> None:
    """Grow regression trees, which run without an engine.

    For faces and other things that look much alike and show all of their keypoints.

    Exit status: 0 done, 1 it failed, 2 wrong usage, 130 stopped; nothing is written unless it is done.
    """
    from pinpoint.cli.messages import refuse, say, show_log
    from pinpoint.cli.training_extra import check_training_extra

    show_log(verbose=False)
    try:
        check_training_extra()
        from pinpoint.training.tree_run import train_trees

        growth = _growth({"levels": levels, "starts": starts, "seed": seed}, trees)
        told = _telling(growth.levels)
        spec = train_trees(data, out, pictures=pictures, growth=growth, cache=cache, told=told)
    except (OSError, UnreadableError) as error:
        raise typer.Exit(refuse(error, FAILED)) from None
    except (ValueError, ImportError) as error:
        raise typer.Exit(refuse(error, WRONG_USAGE)) from None
    except KeyboardInterrupt:
        say("interrupted; nothing is written")
        raise typer.Exit(INTERRUPTED) from None
    say(f"learnt from {spec.training_data}; see {out}")


def _growth(said: dict[str, Any], trees: int | None) -> "Growth":
    """What was said, and for the rest what is usual."""
    from pinpoint.training.boosting import Boosting
    from pinpoint.training.trees import Growth

    boosting = Boosting() if trees is None else Boosting(trees=trees)
    return Growth(boosting=boosting, **{name: value for name, value in said.items() if value is not None})


def _telling(levels: int) -> Callable[[Any, Any], None]:
    """Say after each level how far it is."""
    from pinpoint.cli.messages import say

    def told(forest: Any, errors: Any) -> None:
        done = len(forest.levels)
        say(f"level {done} of {levels}: mean error {errors.mean():.2f} of {forest.size[0]} pixels")

    return told
