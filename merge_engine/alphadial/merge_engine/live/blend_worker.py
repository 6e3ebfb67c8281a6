"""What a worker of vLLM is given in mode ``blend``: the loader of both endpoints, and a method for the API server."""

from __future__ import annotations

from typing import Any

from alphadial.merge_engine.live.blend_loader import BlendLoader


class BlendWorker:
    """Added to vLLM's worker by ``--worker-extension-cls``."""

    loader = BlendLoader
    """vLLM finds it by its load format, once it is imported here."""
    model_runner: Any
    """vLLM's own."""

    def alphadial_ends(self) -> tuple[str, str]:
        """The weights ids of what was loaded, at alpha 0 and 1, taken from the tensors themselves."""
        low, high = self.model_runner.get_model().alphadial_ends
        return low, high
