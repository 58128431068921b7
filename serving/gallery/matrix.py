"""The embeddings of one gallery as a matrix, and the people nearest to a face; exact."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

# Faces multiplied at a time: their similarities to a million rows take 32 MB.
_AT_ONCE = 8
_FEW = 4
_ROWS_EACH = 4
_SPARE: Final = 1.25  # room for rows to come, so that one more does not copy them all

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Near:
    """A person's id, and the best of the person's rows with its cosine."""

    person: int
    row: int
    similarity: float


class Matrix:
    """Rows of length 1 (n, d) float32, each one photograph of a person (n,) int64."""

    def __init__(self, dimension: int) -> None:
        self._rows: NDArray[np.float32] = np.empty((0, dimension), np.float32)
        self._persons: NDArray[np.int64] = np.empty(0, np.int64)
        self._photographs: NDArray[np.int64] = np.empty(0, np.int64)
        self.count = 0

    def __len__(self) -> int:
        return self.count

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes + self._persons.nbytes + self._photographs.nbytes

    @property
    def last(self) -> int:
        """The newest photograph's id; 0 without any."""
        return int(self._photographs[self.count - 1]) if self.count else 0

    def photograph(self, row: int) -> int:
        return int(self._photographs[row])

    def extend(
        self, rows: NDArray[np.float32], persons: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> None:
        """Appends rows; `ids` go on rising. Not while others search."""
        start, end = self.count, self.count + len(rows)
        if end > len(self._rows):
            room = max(end, int(self.count * _SPARE))
            self._rows = _grown(self._rows, room)
            self._persons = _grown(self._persons, room)
            self._photographs = _grown(self._photographs, room)
        self._rows[start:end], self._persons[start:end] = rows, persons
        self._photographs[start:end] = ids
        self.count = end

    def nearest(self, faces: NDArray[np.float32], people: int) -> list[list[Near]]:
        """For each of (m, d) faces the nearest people, at most so many, the nearest first."""
        if not self.count:
            return [[] for _ in faces]
        rows = self._rows[: self.count]
        found = []
        for start in range(0, len(faces), _AT_ONCE):
            part = faces[start : start + _AT_ONCE]
            # One face is a product with a vector, which BLAS reads the matrix for just once.
            near = (rows @ part[0])[None] if len(part) == 1 else part @ rows.T
            found += [self._best(similarities, people) for similarities in near]
        return found

    def _best(self, similarities: NDArray[np.float32], people: int) -> list[Near]:
        """Takes the best row, leaves out its person's others, and so on: each time costs a
        small part of the product. For many people the best few rows mostly do."""
        persons = self._persons[: self.count]
        rows = _ROWS_EACH * people
        if people > _FEW and rows < self.count:
            top = np.argpartition(similarities, -rows)[-rows:]
            ordered = top[np.argsort(-similarities[top], kind="stable")]
            firsts: dict[int, int] = {}
            for row in ordered.tolist():
                firsts.setdefault(int(persons[row]), row)
            if len(firsts) >= people:
                return [
                    Near(person, row, _cosine(similarities[row]))
                    for person, row in islice(firsts.items(), people)
                ]
        best: list[Near] = []
        while True:
            row = int(similarities.argmax())
            value = float(similarities[row])
            if value == -np.inf:
                return best
            person = int(persons[row])
            best.append(Near(person, row, _cosine(value)))
            if len(best) == people:
                return best
            similarities[persons == person] = -np.inf


def _cosine(value: float) -> float:
    return float(min(max(value, -1.0), 1.0))


def _grown(array: NDArray[Number], room: int) -> NDArray[Number]:
    larger: NDArray[Number] = np.empty((room, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
