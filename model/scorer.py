"""Headlines in, topic and sentiment out: ONNX Runtime and the tokeniser, without torch or transformers."""

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Tokenizer

from model.bundle import Bundle, Precision
from model.errors import BundleError, ProviderError, ScoringError, UnscorableText
from model.providers import ProviderChoice, plan_providers, require_in_use, session_providers
from model.text import clean, has_words, mentions

INPUTS = ("input_ids", "attention_mask", "token_type_ids", "pooled")

# Tokens a batch on the CPU: small enough that a batch stays in the cache of one core, large enough that the
# matrix products dominate. Measured in docs/LOG.md.
CPU_TOKENS_A_BATCH = 512
GPU_TEXTS_A_BATCH = 64
GPU_LENGTH_STEP = 16
GPU_MEMORY_BYTES = 4 << 30

# Above this share of words that the vocabulary does not know, a score would be a guess.
MAX_UNKNOWN_SHARE = 0.5


@dataclass(frozen=True)
class Score:
    """What the model says of one text."""

    topic: str
    topic_probabilities: tuple[float, ...]  # in the taxonomy's order, summing to 1
    sentiment: str
    probabilities: tuple[float, ...]  # negative, neutral, positive, summing to 1
    embedding: npt.NDArray[np.float32]  # (hidden_size,), the mean over the text's tokens
    length: int  # tokens that were read of the text, without [CLS] and [SEP]
    unknown_share: float  # of these, in [0, 0.5]: above it a text is unscorable

    @property
    def topic_probability(self) -> float:
        """Probability of the topic chosen."""
        return max(self.topic_probabilities)

    @property
    def polarity(self) -> float:
        """p(positive) - p(negative), in [-1, 1]."""
        return self.probabilities[2] - self.probabilities[0]


class _Tokens(NamedTuple):
    """A text as the model reads it: vocabulary numbers from [CLS] to [SEP], and how many of them stand for none."""

    ids: list[int]
    unknown: int
    pooled: Sequence[int] = ()  # 1 for each token of the name that is asked after; empty for the whole text

    @property
    def length(self) -> int:
        return len(self.ids) - 2


def plan_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group texts of like length, so that padding is small, each group within a budget of padded tokens.

    Returns positions into `lengths`, longest first, each position once. A text longer than the budget is a
    group of its own.

    >>> plan_batches([3, 9, 4, 10], token_budget=20)
    [[3, 1], [2, 0]]
    """
    batches: list[list[int]] = []
    longest = 0
    for position in sorted(range(len(lengths)), key=lambda at: (-lengths[at], at)):
        if not batches or (len(batches[-1]) + 1) * longest > token_budget:
            batches.append([])
            longest = max(1, lengths[position])
        batches[-1].append(position)
    return batches


def tokens_of(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[int]:
    """1 for each token, by its begin and end in the text, that overlaps one of the spans; empty if none does.

    >>> tokens_of([(0, 0), (0, 4), (5, 9), (0, 0)], [(0, 4)]), tokens_of([(0, 4)], [])
    ([0, 1, 0, 0], [])
    """
    found = [int(any(begin < to and end > at for at, to in spans)) for begin, end in offsets]
    return found if any(found) else []


def softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Row-wise softmax of a (texts, classes) array, in double precision."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    result: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


class Scorer:
    """A bundle loaded into ONNX Runtime on one execution provider.

    On the CPU several threads each run whole batches on one core: for graphs this small that beats one batch
    on all cores, and a text's result does not depend on how many there are.

    `threads`: CPU threads to use, by default those this process may run on.
    Raises BundleError, or ProviderError if the provider asked for by name is not the one in use.
    """

    def __init__(self, bundle: Bundle, provider: ProviderChoice = "auto", threads: int | None = None) -> None:
        self.bundle = bundle
        self.taxonomy = bundle.taxonomy
        self.threads = threads or len(os.sched_getaffinity(0))
        try:
            self._tokenizer = Tokenizer.from_file(str(bundle.folder / "tokenizer.json"))
        except Exception as error:  # the tokenizers library raises bare Exception
            raise BundleError(f"{bundle.folder / 'tokenizer.json'} cannot be read ({error})") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(bundle.manifest.max_tokens)
        unknown = self._tokenizer.token_to_id("[UNK]")
        if unknown is None:
            raise BundleError(f"{bundle.folder / 'tokenizer.json'} has no [UNK]: it is no BERT vocabulary")
        self._unknown: int = unknown
        self.provider, self._session = self._open_session(provider)
        # A graph that was not taught names has no use for which tokens are pooled.
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._pool = ThreadPoolExecutor(
            self.threads if self.provider == "cpu" else 1, thread_name_prefix="newsquall-scorer"
        )

    def _open_session(self, choice: ProviderChoice) -> tuple[str, ort.InferenceSession]:
        plan = plan_providers(choice, ort.get_available_providers())
        if plan.candidates[0] != "cpu" and hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # finds the CUDA libraries that wheels bring
        refusals = []
        for name in plan.candidates:
            precision: Precision = "fp16"
            if name == "cpu":
                # A bundle has an int8 graph unless labels showed that it costs.
                precision = "int8" if "int8" in self.bundle.manifest.graphs else "fp32"
            try:
                session = self._session_on(name, precision)
                self._require_labels(session)
                require_in_use(name, session.get_providers())
            except ProviderError as error:
                if plan.strict:
                    raise
                refusals.append(str(error))
            else:
                return name, session
        raise ProviderError("; ".join(refusals))

    def _session_on(self, name: str, precision: Precision) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # The graph was fused and checked when it was exported; what remains is layout.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        weights = self.bundle.weights(precision)
        options.add_external_initializers(
            list(weights), [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        )
        graph = self.bundle.graph(precision)
        try:
            return ort.InferenceSession(str(graph), options, providers=session_providers(name, GPU_MEMORY_BYTES))
        except Exception as error:  # ONNX Runtime's exceptions have no common root of their own
            if name != "cpu":
                raise ProviderError(f"provider '{name}' cannot open {graph.name}: {error}") from error
            raise BundleError(f"{graph} cannot be loaded ({error}): build it anew with `make model`") from error

    def _require_labels(self, session: ort.InferenceSession) -> None:
        width = {output.name: output.shape[-1] for output in session.get_outputs()}
        for head, labels in (("topic", self.taxonomy.topics), ("sentiment", self.taxonomy.sentiments)):
            if width.get(head) != len(labels):
                raise BundleError(
                    f"the labels of {self.bundle.folder} do not fit its graph: it names {len(labels)} for the {head}, "
                    f"the graph has {width.get(head)}: export it again"
                )

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the scoring threads and give the model's memory back, whoever still holds the scorer."""
        self._pool.shutdown()
        self._session = None
        _give_back_memory()

    def warm(self) -> None:
        """Run the model once at each length that it will meet, so that no headline pays for what comes first: on a
        GPU every new shape does. Raises ScoringError if it fails, or if its numbers are not finite."""
        longest = self.bundle.manifest.max_tokens
        for length in (*range(GPU_LENGTH_STEP, longest, GPU_LENGTH_STEP), longest):
            self._run([_Tokens([self._unknown] * length, length)])

    @property
    def version(self) -> str:
        """The bundle's version."""
        return self.bundle.version

    def score(self, texts: Sequence[str]) -> list[Score | UnscorableText]:
        """Score texts, in their order. A text without words, or in a script that the vocabulary does not know,
        comes back as UnscorableText in its place: it is never neutral by failure.

        Raises ScoringError if the model itself fails; then nothing of the call has been scored.
        """
        results: list[Score | UnscorableText | None] = [None] * len(texts)
        readable: list[int] = []
        read: list[_Tokens] = []
        cleaned = [clean(text) for text in texts]
        for position, encoding in enumerate(self._tokenizer.encode_batch_fast(cleaned)):
            ids = encoding.ids  # a new list each time that it is asked for
            tokens = _Tokens(ids, ids.count(self._unknown))
            problem = _problem_with(cleaned[position], tokens)
            if problem:
                results[position] = problem
            else:
                readable.append(position)
                read.append(tokens)
        for at, score in zip(readable, self._scores(read), strict=True):
            results[at] = score
        return [result for result in results if result is not None]

    def towards(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, ...]]:
        """The sentiment of texts towards one name in each, (text, name) pairs in their order: the probabilities of
        negative, neutral, positive. The name is to be written
        as the text writes it: the sentiment is read off the tokens of its mentions (Gao et al., Target-dependent
        sentiment classification with BERT, IEEE Access 7, 2019), or off all where it has none.

        The texts must be ones that `score` could score. Only a bundle whose manifest says `towards_names` was taught
        this. Raises ScoringError if the model itself fails.
        """
        texts = [clean(text) for text, _ in pairs]
        encodings = self._tokenizer.encode_batch(texts)
        read = [
            _Tokens(encoding.ids, 0, tokens_of(encoding.offsets, mentions(text, clean(name))))
            for text, encoding, (_, name) in zip(texts, encodings, pairs, strict=True)
        ]
        return [score.probabilities for score in self._scores(read)]

    def _scores(self, read: Sequence[_Tokens]) -> list[Score]:
        """The scores of tokenised texts, in their order."""
        results: dict[int, Score] = {}
        batches = self._batches([len(tokens.ids) for tokens in read])
        for batch, scores in zip(
            batches,
            self._pool.map(self._run, [[read[at] for at in batch] for batch in batches]),
            strict=True,
        ):
            results.update(zip(batch, scores, strict=True))
        return [results[at] for at in range(len(read))]

    def _batches(self, lengths: Sequence[int]) -> list[list[int]]:
        if self.provider == "cpu":
            return plan_batches(lengths, CPU_TOKENS_A_BATCH)
        order = sorted(range(len(lengths)), key=lambda at: -lengths[at])
        return [order[start : start + GPU_TEXTS_A_BATCH] for start in range(0, len(order), GPU_TEXTS_A_BATCH)]

    def _run(self, texts: Sequence[_Tokens]) -> list[Score]:
        rows = len(texts)
        width = max(len(tokens.ids) for tokens in texts)
        if self.provider != "cpu":
            # Every new shape costs GPU memory and a kernel search: few lengths, one number of rows.
            rows, width = GPU_TEXTS_A_BATCH, -(-width // GPU_LENGTH_STEP) * GPU_LENGTH_STEP
        ids = np.zeros((rows, width), dtype=np.int64)
        mask = np.zeros((rows, width), dtype=np.int64)
        pooled = np.zeros((rows, width), dtype=np.int64)
        mask[len(texts) :, 0] = pooled[len(texts) :, 0] = 1  # a row of padding still needs a token to look at
        for row, tokens in enumerate(texts):
            ids[row, : len(tokens.ids)] = tokens.ids
            mask[row, : len(tokens.ids)] = 1
            pooled[row, : len(tokens.ids)] = tokens.pooled or 1
        arrays = dict(zip(INPUTS, (ids, mask, np.zeros_like(ids), pooled), strict=True))
        try:
            topic_logits, sentiment_logits, embeddings = self._session.run(
                ["topic", "sentiment", "embedding"],
                {name: arrays[name] for name in self._inputs},
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common root of their own
            raise ScoringError(f"the model failed on a batch of {len(texts)} texts: {error}") from error
        count = len(texts)
        topics = softmax(topic_logits[:count])
        sentiments = softmax(sentiment_logits[:count])
        if not (np.isfinite(topics).all() and np.isfinite(sentiments).all()):
            raise ScoringError("the model gave numbers that are not finite: the bundle does not fit its provider")
        return [
            Score(
                topic=self.taxonomy.topics[int(topics[row].argmax())],
                topic_probabilities=tuple(topics[row].tolist()),
                sentiment=self.taxonomy.sentiments[int(sentiments[row].argmax())],
                probabilities=tuple(sentiments[row].tolist()),
                embedding=embeddings[row].astype(np.float32),
                length=tokens.length,
                unknown_share=tokens.unknown / tokens.length,
            )
            for row, tokens in enumerate(texts)
        ]


def _give_back_memory() -> None:
    """Have the C library give the kernel what has been freed: a model is freed in pieces all over its heaps, and glibc
    by itself gives back only what lies at a heap's end. Elsewhere than on glibc it is left to the allocator."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _problem_with(text: str, tokens: _Tokens) -> UnscorableText | None:
    if not has_words(text):
        return UnscorableText("no_words", "the title has no letter and no digit")
    if tokens.length <= 0 or tokens.unknown / tokens.length > MAX_UNKNOWN_SHARE:
        return UnscorableText(
            "unknown_script",
            f"the model's vocabulary does not know {tokens.unknown} of the title's {tokens.length} tokens",
        )
    return None
