"""Training the attention family, and watching heads form in any training by transformers' Trainer.

Needs the packages of requirements-train.txt, which is why nothing of `models` or of the app imports it.
"""

from models.training.head_metrics import HeadMetrics
from models.training.head_recorder import HeadRecorder, record_steps

__all__ = ["HeadMetrics", "HeadRecorder", "record_steps"]
