"""The folder of a judging: its settings and a SQLite file with one row per problem and one per judged submission."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ConfigDict, StrictBool, TypeAdapter, ValidationError
from sqlalchemy.dialects.sqlite import insert

from alphadial.envs.checks import Name, NotNegative, first_fault
from alphadial.envs.closing import Closing
from alphadial.envs.databases import cause_of, open_engine, open_reading, sqlite_url
from alphadial.envs.errors import ForeignError, StoreError
from alphadial.envs.folders import lock_folder, refuse_strangers, write_atomically
from alphadial.envs.foreign import check_folder, read_json
from alphadial.envs.judging.judged_problems import JudgedProblem
from alphadial.envs.judging.packed import pack, read_problem, read_record
from alphadial.envs.judging.records import SubmissionRecord

FORMAT = 4
SETTINGS_FILE = "judging.json"
STORE_FILE = "records.sqlite"


_metadata = sa.MetaData()
_PROBLEMS = sa.Table(
    "problems",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Among all that is at the path.
    sa.Column("place", sa.Integer, nullable=False),
    # Source and id as read.
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
)
_RECORDS = sa.Table(
    "records",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # CPU seconds per test that it was judged with: verdicts at smaller limits follow from it.
    sa.Column("limit_s", sa.Double, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class JudgingSettings:
    """What the records of one folder have in common."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    path: Name
    """Absolute: what is judged."""
    sandbox: Name
    limit_s: NotNegative | None
    """``--limit``."""
    all_tests: StrictBool
    python: Name | None = None
    """``--python``."""
    box: Name = "rootfs"
    """``--box``."""


_SETTINGS = TypeAdapter(JudgingSettings)


class JudgingStore(Closing):
    """Opens the folder of a judging, or makes it; a context manager. Thread-safe.

    One process at a time judges into it; others may read meanwhile.

    Args:
        path: the folder.
        settings: of the judging; None: it is there, and only read.

    Raises:
        StoreError: in use, of other settings or another version, something else than a judging, or unwritable.
    """

    def __init__(self, path: Path, settings: JudgingSettings | None = None) -> None:
        self.path = path
        if settings is None and not (path / SETTINGS_FILE).is_file():
            raise StoreError(f"{path} is not the folder of a judging: name the one that alphadial judge wrote")
        with ExitStack() as stack:
            try:
                refuse_strangers(path, SETTINGS_FILE, "a judging")
                check_folder(path)
                if settings is not None:
                    stack.enter_context(lock_folder(path))
                self.settings = _bind(path, settings)
            except OSError as error:
                raise StoreError(f"cannot use {path}: {error.strerror}; choose another --out") from error
            except ForeignError as error:
                raise StoreError(f"cannot use {path}: {error}, or choose another --out") from error
            file = path / STORE_FILE
            reading = settings is None
            self._engine = open_reading(file, _metadata) if reading else open_engine(sqlite_url(file), _metadata)
            stack.callback(self._engine.dispose)
            with self._errors():
                if settings is not None:
                    _metadata.create_all(self._engine)
                elif not (file.is_file() and sa.inspect(self._engine).has_table(_RECORDS.name)):
                    raise StoreError(f"{path} holds no judged submission yet: wait for alphadial judge, or run it")
            self._stack = stack.pop_all()
        self._met: Counter[str] = Counter()
        self._kept: set[str] = set()

    def put(self, place: int, problem: JudgedProblem) -> str:
        """Adds or replaces a problem; what it is called here."""
        name = self.keep(problem.id)
        origin = f"{problem.source}:{problem.problem}"
        self._write(_PROBLEMS, {"id": name, "place": place, "origin": origin, "facts": pack(problem.to_json())})
        self._forget(_PROBLEMS.c.origin == origin)  # what it was before it was changed
        return name

    def keep(self, problem: str) -> str:
        """Notes that the reading came across a problem, by the id of its content; what it is called here."""
        self._met[problem] += 1
        name = f"{problem}-{self._met[problem]}"  # it may come again with other solutions
        self._kept.add(name)
        return name

    def end(self) -> None:
        """Ends a reading of all that is at the path: problems that it did not come across are gone."""
        self._forget(sa.true())

    def append(self, entry: str, limit_s: float, record: SubmissionRecord) -> None:
        """Adds or replaces the record of a submission, made at a limit; it is on disk when this returns."""
        self._write(_RECORDS, {"id": entry, "limit_s": limit_s, "record": pack(record.to_json())})

    def find(self, entry: str, limit_s: float = 0.0) -> SubmissionRecord | None:
        """The record of a submission, if it was made at this limit or a larger one."""
        query = sa.select(_RECORDS.c.record).where(_RECORDS.c.id == entry, _RECORDS.c.limit_s >= limit_s)
        with self._errors(), self._engine.connect() as connection:
            packed = connection.scalar(query)
        return None if packed is None else read_record(packed, entry, self.path / STORE_FILE)

    def problems(self, only: Collection[str] | None = None) -> Iterator[JudgedProblem]:
        """The problems in order, one at a time; ``only``: those that are called so here."""
        query = sa.select(_PROBLEMS.c.id, _PROBLEMS.c.facts).order_by(_PROBLEMS.c.place)
        with self._errors(), self._engine.connect() as connection:
            for name, packed in connection.execute(query):
                if only is None or name in only:
                    yield read_problem(packed, name, self.path / STORE_FILE)

    def close(self) -> None:
        """Lets others in."""
        self._stack.close()

    def _forget(self, which: sa.ColumnElement[bool]) -> None:
        """All of these that the reading has not come across."""
        with self._errors(), self._engine.begin() as connection:
            for name in list(connection.scalars(sa.select(_PROBLEMS.c.id).where(which))):
                if name not in self._kept:
                    connection.execute(sa.delete(_PROBLEMS).where(_PROBLEMS.c.id == name))

    def _write(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        with self._errors(), self._engine.begin() as connection:
            update = {name: value for name, value in row.items() if name != "id"}
            connection.execute(insert(table).values(**row).on_conflict_do_update(index_elements=["id"], set_=update))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"store {self.path / STORE_FILE}: {cause_of(error)}") from error
        except ForeignError as error:
            raise StoreError(f"store {error}") from error


def _bind(path: Path, settings: JudgingSettings | None) -> JudgingSettings:
    file = path / SETTINGS_FILE
    if settings is not None and not file.exists():
        write_atomically(file, json.dumps({"format": FORMAT, **asdict(settings)}, indent=2) + "\n")
        return settings
    try:
        values = dict(read_json(file))
        version = values.pop("format")
        there = _SETTINGS.validate_python(values) if version == FORMAT else None
    except ForeignError as error:
        raise StoreError(f"{error}: choose another --out") from error
    except ValidationError as error:
        raise StoreError(f"{file} is damaged: {first_fault(error)}: choose another --out") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{file} is damaged ({error}): choose another --out") from error
    if there is None:
        raise StoreError(f"{path} is of format version {version!r:.40}, not {FORMAT}: choose another --out")
    if settings is None or settings == there:
        return there
    ours, theirs = asdict(settings), asdict(there)
    differences = "; ".join(f"{name}: {theirs[name]} / {ours[name]}" for name in ours if ours[name] != theirs[name])
    raise StoreError(f"{path} holds a judging with other settings (there / here: {differences}): choose another --out")
