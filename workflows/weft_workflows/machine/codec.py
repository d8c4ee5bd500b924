"""The codec: values and what they share, as a table of JSON records, and back. Never pickle, never names to import.

    table of [1, xs, (xs, 2)]  ->  [["l", [1, [1], [2]]], ["l", []], ["t", [[1], 2]]]

Each object that can be shared is one record; `[n]` inside a record refers to record n; numbers, short strings, booleans
and None stand for themselves. A record is `[tag, parts]` or `[tag, parts, contents]`: parts are what the object cannot
be made without, contents are put into it once all objects exist, so that cycles pose no problem. Both directions run
without recursion, however deeply data is nested, and equal states give equal bytes.

What the kinds of values are stands in the `codec_…` modules; nothing here knows a machine.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: Longer strings are records, so that one that many objects share is written once.
_SHORT = 64
#: Integers of a larger size are written in hexadecimal, which has no limit of digits.
_SMALL = 1 << 64
_STRINGS = frozenset((str,))
#: Records that become text together, and objects again.
_RECORDS_AT_ONCE = 4096
#: What stands around the records and between those chunks of them. Neither can be inside of a string, where quotes and ends
#: of lines have a backslash before them.
_BEFORE, _BETWEEN, _BEHIND = b'"records":[', b",\n", b'],"late":'

Taken = tuple[Sequence[Any], Sequence[Any] | None]


class Unstorable(TypeError):
    """A value that a checkpoint cannot hold. `where` says which variable reaches it, as far as known."""

    def __init__(self, value: Any, where: str = "", remedy: str = "") -> None:
        self.value = value
        holder = f"`{where}` holds" if where else "the run holds"
        advice = remedy or "keep plain data instead, or let go of it before (`del`)"
        super().__init__(
            f"{holder} a {type(value).__name__}, which cannot be kept while the run waits; {advice} [unstorable-value]"
        )
        self.remedy = remedy


class DamagedCheckpoint(ValueError):
    """A checkpoint whose table does not fit together."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How values of some types are taken apart and put together.

    `take(run, value)` gives parts and contents; `make(run, *parts)` the object; `fill(run, object, contents)` completes it.
    `hashes` says which contents are hashed when they are put in: every `hashes`-th, 0 for none. `last` fills after
    everything else. `light` fills before everything else, since it only puts objects in their places, whatever state those are in.
    `layout` names what is stored, for the fingerprint.
    """

    tag: str
    layout: str
    take: Callable[[Any, Any], Taken]
    make: Callable[..., Any]
    fill: Callable[[Any, Any, list[Any]], None] | None = None
    hashes: int = 0
    last: bool = False
    light: bool = False


def json_bytes(value: Any) -> bytes:
    """Short JSON of a value without cycles."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), check_circular=False)
    return text.encode("utf-8", "surrogatepass")


class Encoder:
    """Writes one table. `kind_of` gives the kind of a value, or raises Unstorable; `run` is passed to the kinds."""

    def __init__(self, run: Any, kind_of: Callable[[Any], Kind]) -> None:
        self._run = run
        self._kind_of = kind_of
        self._index: dict[int, int] = {}
        #: All objects of the table, which also keeps them alive while their ids are in use.
        self._objects: list[Any] = []
        self._parents: list[int] = []
        self._current = -1
        self._late: list[int] = []

    def pieces(self, root: Any) -> list[bytes]:
        """The table as JSON without its braces: its records, and in which order those are filled that hash other objects.

        In pieces, since records take ten times the memory of their text, and a wide run has hundreds of thousands.
        """
        records = self._records(root)
        texts: list[bytes] = []
        while chunk := list(itertools.islice(records, _RECORDS_AT_ONCE)):
            texts += [_BETWEEN if texts else _BEFORE, json_bytes(chunk)[1:-1]]
        # What hashes others is rare; only then is all of it looked at again.
        again = json.loads(b"[" + b"".join(texts[1:]) + b"]") if self._late else []
        return [*texts, _BEHIND, json_bytes(_hash_order(again, self._late))]

    def _records(self, root: Any) -> Iterator[Any]:
        self._put(root)
        objects, index = self._objects, 0
        while index < len(objects):
            self._current = index
            yield self._record(objects[index])
            index += 1

    def _put(self, value: Any) -> Any:
        """The value as it stands in a record: itself or a reference."""
        kind = type(value)
        if kind is str:
            if len(value) <= _SHORT:
                return value
        elif kind is int:
            if -_SMALL < value < _SMALL:
                return value
        elif value is None or kind is bool or (kind is float and value == value):
            return value
        return self._refer(value)

    def _refer(self, value: Any) -> list[int]:
        """The reference to an object's record."""
        found = self._index.get(id(value))
        if found is None:
            found = self._index[id(value)] = len(self._objects)
            self._objects.append(value)
            self._parents.append(self._current)
        return [found]

    def _record(self, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            return self._text_keys(value) if _STRINGS.issuperset(map(type, value)) else self._pairs(value)
        if kind is list:
            return ["l", self._elements(value)]
        if kind is tuple:
            return ["t", self._elements(value)]
        return value if kind is str else self._of_kind(value)

    def _text_keys(self, value: dict[str, Any]) -> Any:
        # Most of a run's data are such dicts: the commonest values are told here, without a call for each.
        put = self._put
        kept = {
            key: each if (kind := type(each)) is bool or (kind is int and -_SMALL < each < _SMALL) else put(each)
            for key, each in value.items()
        }
        return ["o", kept]

    def _elements(self, value: Sequence[Any]) -> list[Any]:
        # As above: what stands for itself most often is told here.
        put = self._put
        return [
            each
            if each is None
            or (kind := type(each)) is bool
            or (kind is str and len(each) <= _SHORT)
            or (kind is int and -_SMALL < each < _SMALL)
            else put(each)
            for each in value
        ]

    def _pairs(self, value: dict[Any, Any]) -> Any:
        contents = [self._put(each) for pair in value.items() for each in pair]
        self._note_hashes(contents, 2)
        return ["d", contents]

    def _of_kind(self, value: Any) -> Any:
        try:
            kind = self._kind_of(value)
            parts, contents = kind.take(self._run, value)
        except Unstorable as problem:
            raise Unstorable(problem.value, self._where(), problem.remedy) from None
        record: list[Any] = [kind.tag, self._elements(parts) if parts else []]
        if contents is not None:
            record.append(self._elements(contents))
            if kind.hashes:
                self._note_hashes(record[2], kind.hashes)
        return record

    def _note_hashes(self, contents: list[Any], every: int) -> None:
        if any(type(key) is list for key in contents[::every]):
            self._late.append(self._current)

    def _where(self) -> str:
        """The variable through which the current object is reached: the first key on the way from the root."""
        index, chain = self._current, []
        while index >= 0:
            chain.append(self._objects[index])
            index = self._parents[index]
        chain.reverse()
        for holder, held in itertools.pairwise(chain):
            if type(holder) is dict:
                return next((str(key) for key, each in holder.items() if each is held), "")
        return ""


def _hash_order(records: list[Any], late: list[int]) -> list[int]:
    """Late records, those that the keys of others are made of first."""
    waiting, order = set(late), []
    seen: set[int] = set()
    for start in late:
        stack = [(start, False)]
        while stack:
            index, finished = stack.pop()
            if finished:
                order.append(index)
            elif index not in seen:
                seen.add(index)
                if index in waiting:
                    stack.append((index, True))
                stack.extend((each, False) for each in _references(records[index], index in waiting))
    return order


def _references(record: Any, keys_only: bool) -> list[int]:
    if type(record) is str:
        return []
    tag, *groups = record
    if tag == "o":
        values: list[Any] = list(record[1].values())
    elif tag == "d" and keys_only:
        values = record[1][::2]
    else:
        values = [each for group in groups for each in group]
    return [each[0] for each in values if type(each) is list]


class Chunks:
    """The records of a table that is still text: each iteration reads them anew, so that few are in memory at a time."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self._start = start
        self._end = end

    @classmethod
    def split(cls, text: str) -> tuple[dict[str, Any], Iterable[list[Any]]]:
        """A JSON object that holds a table, without its records; and those, in chunks. Raises ValueError, KeyError."""
        start, end = text.find(_BEFORE.decode()), text.rfind(_BEHIND.decode())
        if start < 0 or end < 0:
            # Written by somebody else.
            whole = json.loads(text)
            return whole, [whole.pop("records")]
        others = {**json.loads(text[:start].removesuffix(",") + "}"), **json.loads("{" + text[end + 2 :])}
        return others, cls(text, start + len(_BEFORE), end)

    def __iter__(self) -> Iterator[list[Any]]:
        between, at = _BETWEEN.decode(), self._start
        while at < self._end:
            end = self._text.find(between, at, self._end)
            end = self._end if end < 0 else end
            yield json.loads(f"[{self._text[at:end]}]")
            at = end + len(between)


_ABSENT = object()


class Decoder:
    """Reads one table. Objects are made in dependency order, then filled in that order, light ones first.

    `chunks` are its records; those of light objects, of which a wide run has hundreds of thousands, are read twice rather
    than kept. `ready(root)` is called before the first object is hashed, which may run code of the orchestration.
    """

    def __init__(
        self,
        run: Any,
        kinds: dict[str, Kind],
        chunks: Iterable[list[Any]],
        late: list[int],
        ready: Callable[[Any], None],
    ) -> None:
        self._run = run
        self._ready = ready
        self._kinds = kinds
        self._chunks = chunks
        self._late = late
        self._objects: list[Any] = []
        #: Records that are needed again, by their number.
        self._records: dict[int, Any] = {}
        self._made: list[int] = []

    def decode(self) -> Any:
        """The root. Raises DamagedCheckpoint where objects need each other to be made."""
        light = [self._begin(chunk) for chunk in self._chunks]
        for index in self._records:
            if self._objects[index] is _ABSENT:
                self._make(index)
        self._fill_light(light)
        self._fill_all()
        return self._objects[0]

    def _begin(self, chunk: list[Any]) -> bool:
        """Makes what needs no other object. Whether the chunk holds light ones."""
        light = False
        for index, record in enumerate(chunk, len(self._objects)):
            made = self._begun(index, record)
            light = light or (made is not _ABSENT and index not in self._records)
            self._objects.append(made)
        return light

    def _begun(self, index: int, record: Any) -> Any:
        if type(record) is str:
            return record
        kind = self._kinds.get(record[0])
        if kind is not None and kind.light and not (record[1] and any(type(each) is list for each in record[1])):
            return kind.make(self._run, *record[1])
        self._records[index] = record
        if record[0] == "l" or record[0] == "o" or record[0] == "d":
            self._made.append(index)
            return {} if record[0] == "d" else record[1]
        return _ABSENT

    def _fill_light(self, chunks: list[bool]) -> None:
        first = 0
        if not any(chunks):
            return
        for chunk, light in zip(self._chunks, chunks, strict=True):
            if light:
                for index, record in enumerate(chunk, first):
                    if type(record) is not str and index not in self._records:
                        self._fill(index, record, self._kinds[record[0]])
            first += len(chunk)

    def _make(self, start: int) -> None:
        objects, stack, opened = self._objects, [start], set()
        while stack:
            index = stack[-1]
            if objects[index] is not _ABSENT:
                stack.pop()
                continue
            record = self._records[index]
            missing = [each[0] for each in record[1] if type(each) is list and objects[each[0]] is _ABSENT]
            if not missing:
                objects[index] = self._made_of(record)
                self._made.append(index)
                stack.pop()
            elif index in opened:
                raise DamagedCheckpoint("the checkpoint holds objects that cannot be made without each other")
            else:
                opened.add(index)
                stack.extend(reversed(missing))

    def _made_of(self, record: Any) -> Any:
        parts = self._values(record[1])
        return tuple(parts) if record[0] == "t" else self._kinds[record[0]].make(self._run, *parts)

    def _values(self, encoded: list[Any]) -> list[Any]:
        objects = self._objects
        return [objects[each[0]] if type(each) is list else each for each in encoded]

    def _fill_all(self) -> None:
        late = set(self._late)
        last: list[int] = []
        for index in self._made:
            record = self._records[index]
            if index in late:
                continue
            kind = self._kinds.get(record[0])
            if kind is not None and kind.last:
                last.append(index)
            else:
                self._fill(index, record, kind)
        self._ready(self._objects[0])
        for index in (*self._late, *last):
            record = self._records[index]
            self._fill(index, record, self._kinds.get(record[0]))

    def _fill(self, index: int, record: Any, kind: Kind | None) -> None:
        target = self._objects[index]
        if kind is not None:
            if kind.fill is not None and len(record) > 2:
                kind.fill(self._run, target, self._values(record[2]))
        elif record[0] == "o":
            for key, each in target.items():
                if type(each) is list:
                    target[key] = self._objects[each[0]]
        elif record[0] == "l":
            target[:] = self._values(target)
        elif record[0] == "d":
            values = self._values(record[1])
            target.update(zip(values[::2], values[1::2], strict=True))
