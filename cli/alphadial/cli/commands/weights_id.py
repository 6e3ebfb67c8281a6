"""``alphadial weights-id``: which weights a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def weights_id(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A Hugging Face folder of safetensors.")],
) -> None:
    """Tell the weights id of a folder: a hash of its tensors, the same in one file, in shards and in memory."""
    from alphadial.cli.output import print_line
    from alphadial.merge_engine import weights_id_of_folder

    print_line(weights_id_of_folder(folder))
