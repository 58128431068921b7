"""An album of people nobody trained on: portraits to enrol them by, photographs to find them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from model_repo.island.faces.served import Served, matched
from model_repo.island.faces.verification import threshold_at
from model_repo.island.world import SPLITS, Expression, Identity, Photograph, face, photograph
from model_repo.island.world.dice import Dice

FAMILY = 20  # people who are enrolled together
_CAST = 3  # of one photograph
_PORTRAIT = 320  # pixels
_SIZES = (320, 640)  # widths of photographs, in turn


@dataclass(frozen=True, slots=True)
class Looks:
    """Vectors [n, 128] of length 1, NaN where a face was not found or not accepted, and whose
    they are, [n]: the place of a person among all of the album."""

    vectors: np.ndarray
    who: np.ndarray

    @property
    def known(self) -> np.ndarray:
        return np.isfinite(self.vectors).all(axis=1)


@dataclass(frozen=True, slots=True)
class Album:
    """Portraits, two of each person, and faces in photographs; `strange` counts what was found
    in photographs and is no face of theirs."""

    portraits: Looks
    photographed: Looks

    def verification(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of pairs of one person's and of strangers', each of a photograph's face with a
        portrait or with another photograph's face. A face that was not found is as unlike
        itself in another picture as can be."""
        one, other = self.photographed, self.portraits
        cosines = np.nan_to_num(one.vectors @ other.vectors.T, nan=-1.0)
        equal = one.who[:, None] == other.who[None]
        among = np.nan_to_num(one.vectors @ one.vectors.T, nan=-1.0)
        upper = np.triu(np.ones(among.shape, bool), 1)
        alike = one.who[:, None] == one.who[None]
        both = one.known[:, None] & one.known[None]
        seen = one.known[:, None] & other.known[None]
        same = np.concatenate([cosines[equal], among[alike & upper]])
        return same, np.concatenate([cosines[~equal & seen], among[~alike & upper & both]])

    def threshold(self, share: float) -> float:
        """The cosine that this share of strangers' pairs reaches."""
        return threshold_at(self.verification()[1], share)

    def identified(self, threshold: float) -> tuple[float, float]:
        """The shares of photographed faces that get their own name, and another's, from among
        the family they were enrolled with: of those portraits that reach the threshold, the
        nearest."""
        cosines = np.nan_to_num(self.photographed.vectors @ self.portraits.vectors.T, nan=-1.0)
        who, families = self.photographed.who, self.portraits.who // FAMILY
        cosines[who[:, None] // FAMILY != families[None]] = -1.0
        named = cosines.max(1) >= threshold
        right = self.portraits.who[cosines.argmax(1)] == who
        return float((named & right).mean()), float((named & ~right).mean())


def album(served: Served, split: str, families: int, photographs: int) -> Album:
    """Enrols `families` of twenty, and finds them in so many photographs of each family."""
    people, start = SPLITS[split].people, SPLITS[split].seeds.start
    vectors, who = [], []
    for place in range(families * FAMILY):
        for moment in range(2):
            dice = Dice(65, start, place, moment)
            seed = dice.whole(start, start + 100_000)
            person = Identity.of(people.start + place)
            drawn = face(person, Expression.draw(dice), _PORTRAIT, seed=seed)
            vectors.append(served.enrolled(drawn.image))
            who.append(place)
    portraits = _looks(vectors, who)
    vectors, who = [], []
    for photo in _photographs(split, families, photographs):
        numbers = [person.who.number - people.start for person in photo.people]
        vectors += _seen(served, photo)
        who += numbers
    return Album(portraits, _looks(vectors, who))


def _photographs(split: str, families: int, count: int) -> Iterator[Photograph]:
    people, start = SPLITS[split].people, SPLITS[split].seeds.start
    for family in range(families):
        for number in range(count):
            dice = Dice(66, start, family, number)
            members = [people.start + family * FAMILY + k for k in range(FAMILY)]
            cast = [Identity.of(member) for member in dice.sample(members, _CAST)]
            seed = start + 200_000 + family * count + number
            yield photograph(seed, _SIZES[number % len(_SIZES)], cast)


def _seen(served: Served, photo: Photograph) -> list[np.ndarray | None]:
    """The embedding of each person's face, None where it was not found."""
    faces = served.look(photo.image, "embed")
    assert faces.embeddings is not None
    places = matched(faces.boxes, [person.face.box for person in photo.people])
    found = dict(zip(places.tolist(), faces.embeddings, strict=True))
    return [found.get(place) for place in range(len(photo.people))]


def _looks(vectors: list[np.ndarray | None], who: list[int]) -> Looks:
    nothing = np.full(128, np.nan, np.float32)
    return Looks(np.stack([nothing if v is None else v for v in vectors]), np.array(who))
