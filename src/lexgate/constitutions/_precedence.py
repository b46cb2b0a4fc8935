"""Which principle goes before which: `overrides`, levels of authority, and their contradictions.

One principle goes before another when a chain of `overrides` leads from it there, or when its
authority is higher. An order with a circle in it is no order, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lexgate._documents import Document, KeyPath
    from lexgate.errors import Problem

__all__ = ["Order", "cycles", "precedence_problems"]


class Order:
    """Precedence among the principles of a document, as far as they are sound."""

    def __init__(self, document: Document, principles: Mapping[KeyPath, str]) -> None:
        places = {id_: path[:-1] for path, id_ in reversed([*principles.items()])}
        self.places = places  # of the first of each id
        self.graph = {
            id_: [
                other for other in document.get((*places[id_], "overrides")) or () if other != id_
            ]
            for id_ in dict.fromkeys(principles.values())
        }
        levels = document.get(("authorities",)) or []
        self.levels: dict[str, int] = {level: rank for rank, level in enumerate(levels)}
        self.authority = {
            id_: level
            for id_, place in places.items()
            if (level := document.get((*place, "authority"))) in self.levels
        }

    def settles(self, one: str, other: str) -> bool:
        """Tell whether it is said which of two principles goes before the other."""
        ranks = [self.levels.get(self.authority.get(id_, "")) for id_ in (one, other)]
        if None not in ranks and ranks[0] != ranks[1]:
            return True
        return other in self._below(one) or one in self._below(other)

    def _below(self, id_: str) -> set[str]:
        reached: set[str] = set()
        waiting = [id_]
        while waiting:
            for other in self.graph.get(waiting.pop(), ()):
                if other not in reached:
                    reached.add(other)
                    waiting.append(other)
        return reached


def precedence_problems(document: Document, order: Order) -> Iterator[Problem]:
    """Find what makes precedence no order."""
    yield from _circles(document, order)
    yield from _upward(document, order)


def _upward(document: Document, order: Order) -> Iterator[Problem]:
    """Tell the overrides that go against the levels of authority."""
    for id_, others in order.graph.items():
        for index, other in enumerate(document.get((*order.places[id_], "overrides")) or ()):
            levels = [order.authority.get(one, "") for one in (id_, other)]
            ranks = [order.levels.get(level) for level in levels]
            if other in others and None not in ranks and ranks[0] > ranks[1]:  # type: ignore[operator]  # no None
                yield document.problem(
                    (*order.places[id_], "overrides", index),
                    f"expected a principle of no higher authority than {levels[0]}, found "
                    f'"{other}" of {levels[1]}',
                    "remove the override, or change the authority of one of the two",
                )


def _circles(document: Document, order: Order) -> Iterator[Problem]:
    """Tell circles of `overrides`, each at the principle of it that stands first in the file."""
    rank = {id_: number for number, id_ in enumerate(order.graph)}
    told: set[str] = set()
    for cycle in cycles(order.graph):
        if told.isdisjoint(cycle):
            told.update(cycle)
            start = cycle.index(min(cycle, key=rank.__getitem__))
            way = [*cycle[start:], *cycle[: start + 1]]
            yield document.problem(
                (*order.places[way[0]], "overrides"),
                f"expected an order of precedence, found a cycle: {' > '.join(way)}",
                "remove one of these overrides",
            )


def cycles(graph: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Walk depth first, without recursion; yield a cycle for every edge that leads back."""
    done: set[str] = set()
    for start in graph:
        way = {} if start in done else {start: iter(graph[start])}
        while way:
            node = next(reversed(way))
            following = next(way[node], None)
            if following is None:
                done.add(node)
                del way[node]
            elif following in way:
                nodes = list(way)
                yield nodes[nodes.index(following) :]
            elif following in graph and following not in done:
                way[following] = iter(graph[following])
