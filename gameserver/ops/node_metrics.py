"""The metrics of several nodes as those of one server.

Owns the rules by which they are merged, which are those of Prometheus for several processes:
counters are added up, gauges keep a label of their node.  A counter never falls, so the counts of
nodes that have ended are kept.  Pure, except that it makes the text of ``/metrics``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

COUNTER: Final = "counter"
NODE_LABEL: Final = "node"

#: The name and the labels of a sample, in a form that can be a key and cross a socket.
Key = tuple[str, tuple[tuple[str, str], ...]]
Counts = dict[Key, float]


def families_to_plain(families: Iterable[Metric]) -> list[Any]:
    """Return families of samples as lists that msgpack can pack."""
    return [
        [f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
        for f in families
    ]


def counts_in(plain: Sequence[Any]) -> Counts:
    """Return the counters among the families of a node."""
    return {
        _key(name, labels): value
        for _, kind, _, samples in plain
        if kind == COUNTER
        for name, labels, value in samples
    }


def counts_to_plain(counts: Mapping[Key, float]) -> list[Any]:
    """Return counters as lists that msgpack can pack."""
    return [
        [name, [list(label) for label in labels], value] for (name, labels), value in counts.items()
    ]


def counts_from_plain(plain: Sequence[Any]) -> Counts:
    """Return counters from the lists of ``counts_to_plain``."""
    return {
        (name, tuple((label, value) for label, value in labels)): count
        for name, labels, count in plain
    }


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))


def add_counts(total: Counts, more: Mapping[Key, float]) -> None:
    """Add counters to ``total``."""
    for key, value in more.items():
        total[key] = total.get(key, 0.0) + value


class PastCounts:
    """The counters of nodes that have ended, as they were when somebody last read them.

    What a node counted between that and its end was in no exposition, so no sum ever falls.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Counts] = {}
        self.total: Counts = {}

    def see(self, run: str, counts: Counts) -> None:
        """Note the counters of a living node."""
        self._seen[run] = counts

    def end(self, run: str) -> None:
        """Note that a node has ended."""
        add_counts(self.total, self._seen.pop(run, {}))

    def recall(self, total: Mapping[Key, float]) -> None:
        """Take over what an earlier supervisor had kept, as a node remembers it."""
        for key, value in total.items():
            self.total[key] = max(self.total.get(key, 0.0), value)


def merged_exposition(nodes: Mapping[str, Sequence[Any]], past: Mapping[Key, float]) -> bytes:
    """Return the text of ``/metrics`` for the families of all nodes, by their names."""
    registry = CollectorRegistry()
    registry.register(_Merged(nodes, past))
    return generate_latest(registry)


class _Merged(Collector):
    """Passes the merged families to prometheus-client."""

    def __init__(self, nodes: Mapping[str, Sequence[Any]], past: Mapping[Key, float]) -> None:
        self._nodes = nodes
        self._past = past

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        sums: dict[str, Counts] = {}
        for node, plain in self._nodes.items():
            for name, kind, text, samples in plain:
                family = families.setdefault(name, Metric(name, text, kind))
                for sample, labels, value in samples:
                    if kind == COUNTER:
                        add_counts(sums.setdefault(name, {}), {_key(sample, labels): value})
                    else:
                        family.add_sample(sample, {NODE_LABEL: node, **labels}, value)
        for name, counts in sums.items():
            samples_of = {sample for sample, _ in counts}
            add_counts(counts, {key: v for key, v in self._past.items() if key[0] in samples_of})
            for (sample, labels), value in sorted(counts.items()):
                families[name].add_sample(sample, dict(labels), value)
        yield from families.values()
