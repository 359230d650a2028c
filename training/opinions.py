"""What teachers say of texts: the soft labels of distillation, of pseudo-labels, and of learning without forgetting."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from model.bundle import Bundle
from model.errors import UnscorableText, UsageError
from model.scorer import Scorer
from model.taxonomy import Taxonomy
from training.labels import LabelledText

Opinions = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def opinions_of(teachers: Sequence[Bundle], texts: Sequence[str], taxonomy: Taxonomy) -> Opinions:
    """The teachers' mean probabilities of topics (texts, topics) and sentiments (texts, sentiments), in the taxonomy's
    order (Hinton et al., arXiv:1503.02531; for learning without forgetting Li and Hoiem, arXiv:1606.09282).

    A topic that a teacher does not know has probability 0 there. A text that no teacher can read has a row of zeros.
    Raises UsageError if a teacher knows topics or sentiments that the taxonomy lacks.
    """
    topics = np.zeros((len(texts), len(taxonomy.topics)), dtype=np.float32)
    sentiments = np.zeros((len(texts), len(taxonomy.sentiments)), dtype=np.float32)
    heard = np.zeros(len(texts), dtype=np.float32)
    for teacher in teachers:
        unknown = [*set(teacher.taxonomy.topics) - set(taxonomy.topics)]
        if unknown or teacher.taxonomy.sentiments != taxonomy.sentiments:
            raise UsageError(
                f"the teacher {teacher.version} tells other labels apart ({', '.join(unknown) or 'sentiments'}): "
                "give one of the same taxonomy"
            )
        places = [taxonomy.topics.index(name) for name in teacher.taxonomy.topics]
        with Scorer(teacher) as scorer:
            for at, score in enumerate(scorer.score(texts)):
                if not isinstance(score, UnscorableText):
                    topics[at, places] += score.topic_probabilities
                    sentiments[at] += score.probabilities
                    heard[at] += 1
    divisor = np.maximum(heard, np.float32(1.0))[:, None]
    topics /= divisor
    sentiments /= divisor
    return topics, sentiments


def heeded(
    opinions: Opinions, rows: Sequence[LabelledText], taught: Collection[str], decided: Sequence[bool]
) -> Opinions:
    """The opinions without those that would argue with a label: of a topic that is not `taught`, since its
    probability is 0 there; and of the labelled heads of rows that are `decided`, whose labels are new to the teachers.
    """
    topics, sentiments = (each.copy() for each in opinions)
    for at, row in enumerate(rows):
        if row.topic is not None and (decided[at] or row.topic not in taught):
            topics[at] = 0.0
        if row.sentiment is not None and decided[at]:
            sentiments[at] = 0.0
    return topics, sentiments
