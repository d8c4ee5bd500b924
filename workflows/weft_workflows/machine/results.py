"""Results of steps that the program has not taken yet: JSON text, which is read when it is.

    event -> Unread -> future -> strand -> `await`, `task.result()`, gather's list: here it is read, once

What always holds: whoever holds the same `Unread` gets the same object from it. A checkpoint does not hold the texts. They go
into blocks beside it, which later checkpoints share: a block's bytes stay as they are until most of its texts are taken. So what
a wide run has collected is written once, not with each checkpoint.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from weft_workflows.machine.json_values import from_json
from weft_workflows.machine.snapshots import DamagedSnapshot, name_of

#: Bytes of a text below which it is read at once: such values are short in a checkpoint too.
SHORT_BYTES = 200
#: Bytes of texts in a block.
BLOCK_BYTES = 1_000_000
#: Bytes that may be read at once for nothing, as many as a history holds; and how many more cost one unit of fuel.
_FREE_BYTES: Final = 50_000_000
_BYTES_FOR_FUEL: Final = 100

_MARK: Final = b"weft-block\n"
_COUNT: Final = struct.Struct("<I")


def arrived(text: str) -> Any:
    """The value of a step's result, given as JSON; of a long one, an `Unread`."""
    return from_json(text) if len(text) < SHORT_BYTES else Unread(text)


class Unread:
    """A result as text: its own, or its place in a block. Once read, the value."""

    __slots__ = ("block", "index", "size", "text", "value")

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.block: Block | None = None
        self.index = 0
        #: Bytes of the text, wherever it is.
        self.size = 0 if text is None else len(text) if text.isascii() else len(_encoded(text))
        self.value: Any = None

    @property
    def is_read(self) -> bool:
        return self.text is None and self.block is None

    def read(self) -> Any:
        """The value. Raises ValueError where the text is no JSON."""
        if not self.is_read:
            self.value = from_json(self.unparsed())
            self.text = self.block = None
        return self.value

    def unparsed(self) -> str:
        """The text of what is not read."""
        if self.block is not None:
            return self.block.text(self.index)
        assert self.text is not None
        return self.text

    def move(self, block: Block, index: int) -> None:
        """From now on the text is in the block."""
        self.block, self.index, self.text = block, index, None

    def take_out(self) -> None:
        """From now on the text is its own again."""
        self.text, self.block = self.unparsed(), None


def fuel_to_read(values: Iterable[Any]) -> int:
    """What it costs to read many results at once, beyond what an activation has the time for anyhow."""
    size = sum(each.size for each in values if type(each) is Unread and not each.is_read)
    return max(0, size - _FREE_BYTES) // _BYTES_FOR_FUEL


class Block:
    """Texts in one piece: a mark, their number, their lengths in bytes, and all of them compressed.

    It is opened when a text of it is wanted, and remains so until `close`.
    """

    __slots__ = ("_ends", "_open", "data", "name")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.name = name_of(data)
        self._open: bytes | None = None
        self._ends: list[int] = []

    @classmethod
    def of(cls, texts: Sequence[str]) -> Block:
        pieces = [_encoded(text) for text in texts]
        lengths = struct.pack(f"<{len(pieces)}I", *map(len, pieces))
        return cls(b"".join([_MARK, _COUNT.pack(len(pieces)), lengths, zlib.compress(b"".join(pieces), 1)]))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Bytes of each text. Raises DamagedSnapshot."""
        try:
            (count,) = _COUNT.unpack_from(self.data, len(_MARK))
            return struct.unpack_from(f"<{count}I", self.data, len(_MARK) + _COUNT.size)
        except struct.error as problem:
            raise DamagedSnapshot(f"this is no block of results: {problem}") from None

    def text(self, index: int) -> str:
        if self._open is None:
            self._read()
        assert self._open is not None
        start = self._ends[index - 1] if index else 0
        return self._open[start : self._ends[index]].decode("utf-8", "surrogatepass")

    def _read(self) -> None:
        lengths = self.lengths
        try:
            self._open = zlib.decompress(self.data[len(_MARK) + _COUNT.size * (1 + len(lengths)) :])
        except zlib.error as problem:
            raise DamagedSnapshot(f"this is no block of results: {problem}") from None
        self._ends, end = [], 0
        for length in lengths:
            end += length
            self._ends.append(end)

    def close(self) -> None:
        """Lets go of the texts, not of the bytes that they come from."""
        self._open, self._ends = None, []


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class ResultTable:
    """The results that one checkpoint refers to, by number.

    Writing: `number` each result that the codec comes to, then ask for `kept` and `blocks`. Reading: `of`, then `at`.
    """

    def __init__(self) -> None:
        self._met: list[Unread] = []
        self.blocks: list[Block] = []

    # -- writing -----------------------------------------------------------------------------------------------------

    def number(self, result: Unread) -> int:
        self._met.append(result)
        return len(self._met) - 1

    def kept(self) -> dict[str, Any]:
        """The table as JSON: each result is a text, or a number of a block and its place there.

        Moves texts into blocks, so that it is to be called once, when all results are numbered.
        """
        self._empty_sparse_blocks()
        self._fill_blocks()
        # By name: of blocks with the same texts one is enough.
        numbers: dict[bytes, int] = {}
        entries: list[Any] = []
        for each in self._met:
            if each.block is None:
                entries.append(each.unparsed())
                continue
            number = numbers.setdefault(each.block.name, len(self.blocks))
            if number == len(self.blocks):
                self.blocks.append(each.block)
            entries.append([number, each.index])
        for block in self.blocks:
            block.close()
        return {"blocks": [block.name.hex() for block in self.blocks], "results": entries}

    def _empty_sparse_blocks(self) -> None:
        """Takes the texts out of blocks most of whose texts nobody wants any more."""
        members: dict[bytes, list[Unread]] = {}
        for each in self._met:
            if each.block is not None:
                members.setdefault(each.block.name, []).append(each)
        for wanted in members.values():
            block = wanted[0].block
            if block is not None and 4 * len(wanted) < len(block.lengths):
                for each in wanted:
                    each.take_out()

    def _fill_blocks(self) -> None:
        """Moves texts into new blocks as far as they fill them."""
        loose: list[Unread] = []
        size = 0
        for each in self._met:
            if each.block is not None:
                continue
            loose.append(each)
            size += each.size
            if size >= BLOCK_BYTES:
                block = Block.of([member.unparsed() for member in loose])
                for index, member in enumerate(loose):
                    member.move(block, index)
                loose, size = [], 0

    # -- reading -----------------------------------------------------------------------------------------------------

    @classmethod
    def of(cls, kept: dict[str, Any] | None, blocks: Sequence[bytes]) -> ResultTable:
        """The table of a checkpoint (None: it has none) with its blocks. Raises DamagedSnapshot where they do not fit."""
        table = cls()
        names = [] if kept is None else kept["blocks"]
        table.blocks = [Block(data) for data in blocks]
        if [block.name.hex() for block in table.blocks] != names:
            raise DamagedSnapshot("the blocks of this snapshot are not those that its checkpoint refers to")
        lengths = [block.lengths for block in table.blocks]
        for entry in [] if kept is None else kept["results"]:
            result = Unread(entry if isinstance(entry, str) else None)
            if not isinstance(entry, str):
                number, index = entry
                result.move(table.blocks[number], index)
                result.size = lengths[number][index]
            table._met.append(result)
        return table

    def at(self, number: int) -> Unread:
        return self._met[number]
