"""Where low and high come from: SFT of a shared initialisation, then GRPO under nested coverage."""

from alphadial.training.errors import TrainingError

__all__ = ["TrainingError"]
