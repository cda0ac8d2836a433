"""Data sets that a memory is measured on: a loader a file, listed in `DATASETS`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

from ...stores.errors import BadInput
from . import beam, hotpotqa, locomo, longmemeval, memoryagentbench, musique, narrativeqa, ruler, world
from .benchmark_records import DataSet, DataSource, Question, Sample
from .ruler import GeneratedSamples

__all__ = ["DATASETS", "Benchmark", "DataSet", "DataSource", "Question", "Sample", "load_data_set"]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Loader and source of a data set. `read` takes the path and the data set's own options.

    A `generated` data set needs no path, and takes the seed itself.
    """

    read: Callable[..., DataSet]
    source: DataSource
    generated: bool = False


DATASETS: Mapping[str, Benchmark] = {
    "locomo": Benchmark(locomo.load, locomo.SOURCE),
    "hotpotqa": Benchmark(hotpotqa.load, hotpotqa.SOURCE),
    "musique": Benchmark(musique.load, musique.SOURCE),
    "narrativeqa": Benchmark(narrativeqa.load, narrativeqa.SOURCE),
    "longmemeval": Benchmark(longmemeval.load, longmemeval.SOURCE),
    "memoryagentbench": Benchmark(memoryagentbench.load, memoryagentbench.SOURCE),
    "beam": Benchmark(beam.load, beam.SOURCE),
    "ruler": Benchmark(ruler.load, ruler.SOURCE, generated=True),
    "world": Benchmark(world.load, world.SOURCE, generated=True),
}


def load_data_set(
    name: str, path: str | Path | None = None, *, limit: int | None = None, seed: int | None = None, **options: Any
) -> DataSet:
    """A data set by its name in `DATASETS`, read from its official file.

    `limit` counts questions over all samples: the first ones, or a random sample with `seed`. `options` are the
    loader's own. A generated data set takes `seed` for all it makes. `BadInput` for an unknown name or option, a
    missing file (it says where to get it) or another layout.
    """
    if name not in DATASETS:
        raise BadInput(f"There is no data set {name!r}; there are: {', '.join(DATASETS)}.")
    benchmark = DATASETS[name]
    known = [option for option in signature(benchmark.read).parameters if option not in ("path", "seed")]
    if unknown := [option for option in options if option not in known]:
        raise BadInput(f"{name} has no option {unknown[0]!r}; it has: {', '.join(known) or 'none'}.")
    if path is None and not benchmark.generated:
        raise BadInput(
            f"{benchmark.source.title} is read from a file: give its path. {benchmark.source.instructions()}"
        )
    if path is None:
        return limit_questions(benchmark.read(seed=seed or 0, **options), limit, None)
    return limit_questions(benchmark.read(benchmark.source.require(Path(path)), **options), limit, seed)


def limit_questions(data: DataSet, limit: int | None, seed: int | None) -> DataSet:
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
