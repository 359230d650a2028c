"""Label files into the book, and what is to be said of each row, to a person and to a script."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from model.errors import InputError
from training.exchange import LabelFile, Reader
from training.labelbook import WRITTEN, Entered, LabelBook, Outcome
from training.labels import HEADS


@dataclass(frozen=True)
class Intake:
    """What came of files: each file's rows, and what became of each label in them."""

    files: Sequence[LabelFile]
    entered: Sequence[Sequence[Entered]]  # as `found` of the files
    dry_run: bool

    @property
    def usable(self) -> bool:
        """Whether the book has, or had already, a label of these files."""
        return any(each.outcome != "conflict" for entered in self.entered for each in entered)

    def refusals(self) -> Iterator[tuple[str, str]]:
        """Where each row stands that was not taken, and why."""
        places = [found.where for file in self.files for found in file.found]
        for file, entered in zip(self.files, self.entered, strict=True):
            yield from ((problem.where, problem.reason) for problem in file.problems)
            for found, each in zip(file.found, entered, strict=True):
                if each.outcome == "conflict":
                    yield found.where, conflict(each, places)

    def advice(self) -> list[str]:
        """What is odd about the files, and what to do about rows that were not taken."""
        notes = [note for file in self.files for note in file.notes]
        unknown = Counter(each.topic for file in self.files for each in file.problems if each.topic is not None)
        for topic, count in unknown.most_common():
            rows = f"{count:,} rows" if count > 1 else "a row"
            notes.append(
                f"topic '{topic}' in {rows} is none yet: correct it, or give --topic NAME to make it a new one"
            )
        outcomes = Counter(each.outcome for entered in self.entered for each in entered)
        if outcomes["conflict"]:
            notes.append("of a text with two labels none is taken: correct the file, or --replace takes the later one")
        return notes

    def summary(self) -> Iterator[str]:
        """A line for each file."""
        for counts in self._counts():
            told = [f"{counts['added']:,} {'would be taken' if self.dry_run else 'taken'}"]
            told += [f"{counts[name]:,} {words}" for name, words in _WORDS.items() if counts[name]]
            yield f"{counts['file']}: {', '.join(told)}"

    def told(self) -> dict[str, Any]:
        """All of it for a script."""
        files = self._counts()
        return {
            "taken": sum(counts[name] for counts in files for name in WRITTEN),
            "dry_run": self.dry_run,
            "files": files,
            "refused": [{"where": where, "reason": reason} for where, reason in self.refusals()],
        }

    def _counts(self) -> list[dict[str, Any]]:
        result = []
        for file, entered in zip(self.files, self.entered, strict=True):
            outcomes = Counter(each.outcome for each in entered)
            counts: dict[str, Any] = {"file": file.path, **{name: outcomes[name] for name in get_args(Outcome)}}
            rows = {"bad_rows": len(file.problems), "unlabelled": file.unlabelled, "skipped": file.skipped}
            result.append(counts | rows)
        return result


_WORDS = {
    "completed": "completed what was there",
    "replaced": "replaced what was there",
    "known": "there already",
    "duplicate": "given twice",
    "conflict": "in conflict",
    "bad_rows": "bad",
    "unlabelled": "not labelled",
    "skipped": "skipped by the annotator",
}


def conflict(entered: Entered, places: Sequence[str]) -> str:
    """Why a label was not taken. `places`: where each label of the same call stands."""
    label, against = entered.label, entered.against
    assert against is not None
    pairs = [(getattr(label, head), getattr(against, head)) for head in HEADS]
    pairs += [(f"{name} {label.entities[name]}", f"{name} {towards}") for name, towards in against.entities.items()
              if name in label.entities]  # fmt: skip
    mine = ", ".join(one for one, other in pairs if one and other and one != other)
    theirs = ", ".join(other for one, other in pairs if one and other and one != other)
    here = f"{mine} here, {theirs}" if mine else "this row of it says nothing against the other"
    if entered.at is not None:
        return f"the text has two labels: {here} in {places[entered.at]}"
    return f"the text has another label: {here} by {against.annotator} on {against.labelled_at:%Y-%m-%d}"


def take_in(
    book: LabelBook,
    reader: Reader,
    paths: Sequence[str],
    replace: bool = False,
    dry_run: bool = False,
    strict: bool = False,
) -> Intake:
    """Read files and write their labels into the book: what can be used of them, all files as if they were one, so that
    their order does not matter.

    Raises InputError where nothing can be read of the only file, and with `strict` for the first row that is refused;
    then nothing has been written. Raises ArchiveError.
    """
    files = []
    for path in dict.fromkeys(paths):
        try:
            files.append(reader.read(path))
        except InputError as error:
            if strict or len(set(paths)) == 1:
                raise
            files.append(LabelFile(path, notes=[str(error)]))
    labels = [found.label for file in files for found in file.found]

    def enter(dry_run: bool) -> Intake:
        entered = iter(book.add(labels, replace, dry_run))
        return Intake(files, [[next(entered) for _ in file.found] for file in files], dry_run)

    if strict:
        for where, reason in enter(dry_run=True).refusals():
            raise InputError(f"{where}: {reason}; with --strict nothing was taken")
    return enter(dry_run)
