"""Everything that a machine may need from the file system, read before the file system is closed.

Python loads much of its library at first use: codecs, `_strptime`, time zones. In a confined host such a load fails, so
all of it happens here. What the machine itself imports at once comes with its own module; what its packages import
later, inside functions, is loaded here too.
"""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import sys
import zoneinfo
from importlib import resources
from pathlib import Path

#: Packages of which every module is loaded, if the machine has loaded the package.
_LATE = ("weft_workflows.machine", "weft_workflows.sandbox")
_MODULES = (
    "__future__",
    "_strptime",
    "abc",
    "base64",
    "bisect",
    "calendar",
    "cmath",
    "collections.abc",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "html",
    "html.entities",
    "io",
    "itertools",
    "json",
    "linecache",
    "locale",
    "logging",
    "math",
    "numbers",
    "operator",
    "pprint",
    "random",
    "re",
    "statistics",
    "string",
    "stringprep",
    "textwrap",
    "time",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "uuid",
)
_CODECS = (
    "ascii",
    "base64_codec",
    "big5",
    "cp037",
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1254",
    "cp437",
    "cp850",
    "euc_jp",
    "gb18030",
    "gbk",
    "hex_codec",
    "idna",
    "iso8859_1",
    "iso8859_15",
    "iso8859_2",
    "koi8_r",
    "latin_1",
    "mac_roman",
    "punycode",
    "raw_unicode_escape",
    "rot_13",
    "shift_jis",
    "unicode_escape",
    "utf_16",
    "utf_16_be",
    "utf_16_le",
    "utf_32",
    "utf_32_be",
    "utf_32_le",
    "utf_7",
    "utf_8",
    "utf_8_sig",
)


def warm() -> None:
    """Imports the modules and codecs, and keeps all time zones in memory. Comes after the import of the machine."""
    for name in _LATE:
        if name in sys.modules:
            _import_all(name)
    for name in _MODULES:
        importlib.import_module(name)
    for name in _CODECS:
        importlib.import_module(f"encodings.{name}")
    _use_zones(_read_zones())


def _import_all(package: str) -> None:
    for found in pkgutil.walk_packages(sys.modules[package].__path__, package + "."):
        importlib.import_module(found.name)


def _read_zones() -> dict[str, bytes]:
    """The time zone files by key, from where `zoneinfo` itself would take them: its path, else the package tzdata."""
    for folder in zoneinfo.TZPATH:
        zones: dict[str, bytes] = {}
        if Path(folder).is_dir():
            _read_folder(folder, "", zones)
        if zones:
            return zones
    try:
        package = resources.files("tzdata.zoneinfo")
    except ModuleNotFoundError:
        return {}
    zones = {}
    with resources.as_file(package) as folder_path:
        _read_folder(str(folder_path), "", zones)
    return zones


def _read_folder(folder: str, prefix: str, zones: dict[str, bytes]) -> None:
    """`os.scandir`, because the walk is a measurable part of a host's start."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            key = prefix + entry.name
            if entry.is_dir():
                # Two more copies of all zones: without and with leap seconds.
                if key not in {"posix", "right"}:
                    _read_folder(entry.path, key + "/", zones)
                continue
            data = Path(entry.path).read_bytes()
            if data.startswith(b"TZif"):
                zones[key] = data


def _use_zones(zones: dict[str, bytes]) -> None:
    """Makes `zoneinfo` take its data from memory. With an empty path it always asks `load_tzdata`."""
    common = importlib.import_module("zoneinfo._common")

    def load_tzdata(key: str) -> io.BytesIO:
        try:
            return io.BytesIO(zones[key])
        except KeyError:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}") from None

    zoneinfo.reset_tzpath(to=())
    common.load_tzdata = load_tzdata  # type: ignore[attr-defined]
    zoneinfo.available_timezones = lambda: set(zones)
