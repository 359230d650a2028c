"""A challenger and the champion on the same rows and the same machine: what the gate judges by."""

from collections.abc import Callable, Sequence

from model.bundle import MANIFEST, Bundle
from model.scorer import Scorer
from training.evaluation import predict
from training.gate import Candidate, Decision, judge
from training.labels import LabelledText
from training.pace import side_by_side


def trial(
    champion: Bundle, challenger: Bundle, rows: Sequence[LabelledText], open_scorer: Callable[[Bundle], Scorer]
) -> Decision:
    """Ask both about the rows, time them on the rows' texts, and have the gate judge. Raises the errors of a scorer."""
    with open_scorer(champion) as first, open_scorer(challenger) as second:
        one, other = (
            Candidate(each.version, predict(each, rows), size(each.bundle), each.bundle.manifest.towards_names)
            for each in (first, second)
        )
        texts = [row.text for row in rows]
        pace = side_by_side(first.score, second.score, texts) if texts else None
    return judge(one, other, pace)


def require_working(bundle: Bundle, open_scorer: Callable[[Bundle], Scorer]) -> None:
    """Do with a bundle what a worker does before it takes one into use. Raises BundleError, ProviderError or
    ScoringError where that fails."""
    bundle.reference()
    with open_scorer(bundle) as scorer:
        scorer.warm()


def size(bundle: Bundle) -> int:
    """Bytes of a bundle's files."""
    return sum((bundle.folder / name).stat().st_size for name in (*bundle.manifest.files, MANIFEST))
