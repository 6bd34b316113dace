"""No attention: all that a writer ever sees of a text is one vector, however long the text is.

Source: Cho et al. 2014 (arXiv 1406.1078), section 2.2; Sutskever et al. 2014 (arXiv 1409.3215). It reads as the others do, in
both directions, so that they differ in their attention alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from torch import Tensor
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from models.classic.recurrent import Look, RecurrentConfig, RecurrentModel, Source, last_states
from models.shape.attention_geometry import Form


@strict
class BottleneckConfig(RecurrentConfig):
    model_type = "headlight_bottleneck"
    attention_form: ClassVar[Form] = "none"


class BottleneckModel(RecurrentModel):
    config_class = BottleneckConfig

    def __init__(self, config: BottleneckConfig) -> None:
        super().__init__(config)
        self.post_init()

    def _look(self, state: Tensor, source: Source, how: dict[str, Any]) -> Look:
        return Look(source.mask.new_zeros(source.mask.shape), last_states(source))


AutoConfig.register(BottleneckConfig.model_type, BottleneckConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(BottleneckConfig, BottleneckModel, exist_ok=True)
