"""Which seeds and which people belong to training, validation and test; nobody is in two."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Split:
    """Half-open ranges: `seeds` of photographs and portraits, `people` by number."""

    name: str
    seeds: range
    people: range


SPLITS: Final[dict[str, Split]] = {
    "train": Split("train", range(10_000_000), range(4_000)),
    "validation": Split("validation", range(10_000_000, 11_000_000), range(4_000, 4_400)),
    "test": Split("test", range(11_000_000, 12_000_000), range(4_400, 5_000)),
}


def split_of(seed: int) -> Split:
    """The split whose photographs have this seed; ValueError where there is none."""
    for split in SPLITS.values():
        if seed in split.seeds:
            return split
    raise ValueError(f"seed must be within [0, {SPLITS['test'].seeds.stop}), not {seed}")
