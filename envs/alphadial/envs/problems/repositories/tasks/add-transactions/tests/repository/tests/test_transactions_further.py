import pytest
from keepsake import KeepsakeError, NoTransaction, Store
from keepsake.script import run


@pytest.fixture
def store():
    return Store()


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_no_transaction(store, end):
    with pytest.raises(NoTransaction, match="no transaction"):
        getattr(store, end)()
    store.begin()
    store.commit()
    with pytest.raises(KeepsakeError):
        getattr(store, end)()


def test_the_outer_one_undoes_what_the_inner_one_kept(store):
    store.set("a", 0)
    store.begin()
    store.set("a", 1)
    store.begin()
    store.set("a", 2)
    store.set("b", 2)
    store.commit()
    assert (store.get("a"), store.get("b")) == (2, 2)
    store.rollback()
    assert (store.get("a"), store.names()) == (0, ["a"])


def test_how_long_a_name_lasts_comes_back(store):
    store.set("a", 1, lasts=9)
    store.set("b", 1)
    store.begin()
    store.set("a", 2)
    store.set("b", 2, lasts=3)
    assert (store.lasts("a"), store.lasts("b")) == (None, 3)
    store.rollback()
    assert (store.lasts("a"), store.lasts("b")) == (9, None)


def test_time_is_not_turned_back(store):
    store.set("a", 1, lasts=9)
    store.set("b", 1, lasts=2)
    store.begin()
    store.set("a", 2)
    store.delete("b")
    store.tick(4)
    store.rollback()
    assert (store.get("a"), store.lasts("a"), store.now) == (1, 5, 4)
    assert store.get("b") is None
    assert store.names() == ["a"]


def test_a_name_that_ended_within_does_not_come_back(store):
    store.set("a", 1, lasts=2)
    store.begin()
    store.tick(2)
    assert store.get("a") is None
    store.set("a", 7)
    store.rollback()
    assert store.get("a") is None
    assert store.names() == []


def test_a_block(store):
    with store.transaction() as same:
        assert same is store
        store.set("a", 1)
    assert store.get("a") == 1


def test_a_block_that_raises(store):
    store.set("a", 1)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.add("a", 5)
        1 / 0
    assert store.get("a") == 1
    with pytest.raises(NoTransaction):
        store.rollback()


def test_those_who_watch_are_told_at_the_end(store):
    told = []
    store.set("b", 0)
    store.watch("", lambda *change: told.append(change))
    store.begin()
    store.set("c", 1)
    store.add("b", 1)
    store.begin()
    store.add("b", 1)
    store.delete("c")
    store.set("c", 9)
    store.commit()
    assert told == []
    store.commit()
    assert told == [("c", None, 9), ("b", 0, 2)]


def test_nobody_is_told_of_what_was_undone(store):
    told = []
    store.watch("", lambda *change: told.append(change))
    store.begin()
    store.set("a", 1)
    store.begin()
    store.set("b", 1)
    store.rollback()
    store.set("a", 2)
    store.delete("a")
    store.commit()
    assert told == []
    store.set("a", 3)
    assert told == [("a", None, 3)]


def test_a_failed_addition_changes_nothing(store):
    store.set("a", "word")
    store.begin()
    with pytest.raises(KeepsakeError):
        store.add("a", 1)
    store.rollback()
    assert store.get("a") == "word"


def test_errors_of_scripts():
    assert run(["COMMIT", "begin", "SET a 1", "COMMIT", "ROLLBACK", "GET a"]) == [
        "error: no transaction",
        "ok",
        "ok",
        "ok",
        "error: no transaction",
        1,
    ]
