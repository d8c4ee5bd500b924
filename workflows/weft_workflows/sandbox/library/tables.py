"""csv's readers and writers and `heapq.merge`, as classes with plain state, so that they can be kept across a step.

CPython's own do the work: a reader or writer of theirs is made for each record, between which they hold nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.iterators import iterate
from weft_workflows.sandbox.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft_workflows.sandbox.environment import Environment


class Reader:
    """`csv.reader`."""

    __slots__ = ("dialect_name", "formatting", "line_num", "source")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__iter__", "__next__", "line_num", "dialect"})

    def __init__(self, csvfile: Any, /, dialect: Any = "excel", **fmtparams: Any) -> None:
        self.source = iterate(csvfile)
        self.dialect_name = dialect
        self.formatting = fmtparams
        self.line_num = 0
        self._real(())

    def _real(self, lines: Any) -> Any:
        return csv.reader(lines, self.dialect_name, **self.formatting)

    @property
    def dialect(self) -> Any:
        return self._real(()).dialect

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> list[Any]:
        real = self._real(self.source)
        try:
            row: list[Any] = next(real)
        finally:
            self.line_num += real.line_num
        return row


class DictReader:
    """`csv.DictReader`."""

    __slots__ = ("names", "reader", "restkey", "restval")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        {"__iter__", "__next__", "fieldnames", "line_num", "restkey", "restval", "reader"}
    )

    def __init__(
        self,
        f: Any,
        fieldnames: Any = None,
        restkey: Any = None,
        restval: Any = None,
        dialect: Any = "excel",
        **fmtparams: Any,
    ) -> None:
        self.names = list(fieldnames) if fieldnames is not None else None
        self.restkey = restkey
        self.restval = restval
        self.reader = Reader(f, dialect, **fmtparams)

    @property
    def line_num(self) -> int:
        return self.reader.line_num

    @property
    def fieldnames(self) -> Any:
        """The names given, or those in the first line; None where there is none."""
        if self.names is None:
            self.names = next(self.reader, None)
        return self.names

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> dict[Any, Any]:
        names = self.fieldnames or []
        row = next(self.reader)
        while not row:
            row = next(self.reader)
        found: dict[Any, Any] = dict(zip(names, row, strict=False))
        if len(row) > len(names):
            found[self.restkey] = row[len(names) :]
        found.update((name, self.restval) for name in names[len(row) :])
        return found


class Writer:
    """`csv.writer`."""

    __slots__ = ("dialect_name", "formatting", "stream")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"writerow", "writerows", "dialect"})

    def __init__(self, csvfile: Any, /, dialect: Any = "excel", **fmtparams: Any) -> None:
        self.stream = csvfile
        self.dialect_name = dialect
        self.formatting = fmtparams
        self._real()

    def _real(self) -> Any:
        return csv.writer(self.stream, self.dialect_name, **self.formatting)

    @property
    def dialect(self) -> Any:
        return self._real().dialect

    def writerow(self, row: Any, /) -> Any:
        return self._real().writerow(row)

    def writerows(self, rows: Any, /) -> None:
        self._real().writerows(rows)


class DictWriter:
    """`csv.DictWriter`."""

    __slots__ = ("extrasaction", "fieldnames", "restval", "writer")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        {"writeheader", "writerow", "writerows", "fieldnames", "restval", "extrasaction", "writer"}
    )

    def __init__(
        self,
        f: Any,
        fieldnames: Any,
        restval: Any = "",
        extrasaction: str = "raise",
        dialect: Any = "excel",
        **fmtparams: Any,
    ) -> None:
        self.fieldnames = fieldnames if isinstance(fieldnames, list | tuple) else list(fieldnames)
        self.restval = restval
        if extrasaction.lower() not in ("raise", "ignore"):
            raise ValueError(f"extrasaction ({extrasaction}) must be 'raise' or 'ignore'")
        self.extrasaction = extrasaction
        self.writer = Writer(f, dialect, **fmtparams)

    def writeheader(self) -> Any:
        return self.writerow(dict(zip(self.fieldnames, self.fieldnames, strict=True)))

    def _values(self, row: Any) -> list[Any]:
        if self.extrasaction == "raise":
            wrong = [name for name in row if name not in self.fieldnames]
            if wrong:
                raise ValueError(f"dict contains fields not in fieldnames: {', '.join(map(repr, wrong))}")
        return [row.get(name, self.restval) for name in self.fieldnames]

    def writerow(self, rowdict: Any) -> Any:
        return self.writer.writerow(self._values(rowdict))

    def writerows(self, rowdicts: Any) -> None:
        self.writer.writerows(map(self._values, rowdicts))


class Merge:
    """`heapq.merge`. `heads` are a [key, element, iterator] for each source that has not ended."""

    __slots__ = ("_meter", "given", "heads", "key", "reverse", "sources")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__iter__", "__next__"})

    def __init__(self, meter: Meter, iterables: tuple[Any, ...], key: Any, reverse: bool) -> None:
        self._meter = meter
        self.sources: tuple[Any, ...] | None = iterables
        self.key = key
        self.reverse = reverse
        self.heads: list[list[Any]] = []
        #: The head whose element was given last.
        self.given: list[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._meter.charge(1 + len(self.heads))
        if self.sources is not None:
            sources, self.sources = self.sources, None
            for source in sources:
                head = [None, None, iterate(source)]
                if self._renew(head):
                    self.heads.append(head)
        elif self.given is not None and not self._renew(self.given):
            self.heads = [head for head in self.heads if head is not self.given]
        self.given = None
        if not self.heads:
            raise StopIteration
        self.given = self._first()
        return self.given[1]

    def _renew(self, head: list[Any]) -> bool:
        try:
            head[1] = next(head[2])
        except StopIteration:
            return False
        head[0] = head[1] if self.key is None else self.key(head[1])
        return True

    def _first(self) -> list[Any]:
        """The head whose element comes first; of equal ones that of the earlier source."""
        first = self.heads[0]
        for head in self.heads[1:]:
            if (first[0] < head[0]) if self.reverse else (head[0] < first[0]):
                first = head
        return first


Merge.__name__ = Merge.__qualname__ = "generator"
Reader.__name__ = "reader"
Writer.__name__ = "writer"
for _kind in (Reader, DictReader, Writer, DictWriter):
    _kind.__module__ = "csv"

CSV: dict[str, Any] = {"reader": Reader, "DictReader": DictReader, "writer": Writer, "DictWriter": DictWriter}


def csv_names(_environment: Environment) -> dict[str, Any]:
    return CSV


def heapq_names(environment: Environment) -> dict[str, Callable[..., Any]]:
    meter = environment.meter

    def merge(*iterables: Any, key: Any = None, reverse: bool = False) -> Merge:
        return Merge(meter, iterables, key, reverse)

    return {"merge": merge}
