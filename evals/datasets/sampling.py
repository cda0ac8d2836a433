"""Limit a data set to some of its questions: the first ones, or a seeded random sample, the same on every machine."""

from __future__ import annotations

import random
from dataclasses import replace

from ...stores.errors import BadInput
from .benchmark_records import DataSet
from .ruler import GeneratedSamples


def sample_questions(data: DataSet, limit: int | None, seed: int | None) -> DataSet:
    """At most `limit` questions over all samples, in the order of the file: the first ones, or sampled with `seed`.

    Samples without questions drop out. Every sample's sessions stay whole.
    """
    if limit is None:
        return data
    if limit < 1:
        raise BadInput(f"limit is a number of questions of 1 or more, or None for all; got {limit}.")
    if seed is None and isinstance(data.samples, GeneratedSamples):
        return replace(data, samples=data.samples[:limit])  # one question each, generated lazily
    places = [(at, n) for at, sample in enumerate(data.samples) for n in range(len(sample.questions))]
    if seed is not None and limit < len(places):
        places = sorted(random.Random(seed).sample(places, limit))
    chosen: dict[int, list[int]] = {}
    for at, n in places[:limit]:
        chosen.setdefault(at, []).append(n)
    return replace(
        data,
        samples=tuple(
            replace(data.samples[at], questions=tuple(data.samples[at].questions[n] for n in numbers))
            for at, numbers in chosen.items()
        ),
    )
