"""How a box's owner and the keeper inside talk, and what the keeper knows of a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alphadial.envs.forking import socket_pair
from alphadial.envs.sandbox.boxes.keeper_link import BrokenLinkError, KeeperLink
from alphadial.envs.sandbox.guest.box_keeper import Orders
from alphadial.envs.sandbox.guest.box_tree import RefusedError, Tree
from alphadial.envs.sandbox.guest.box_wire import CHUNK, HEAD, joined, opening


def test_orders_that_come_together_are_taken_one_by_one() -> None:
    sent = [
        opening({"do": "a"}, 3) + b"xyz" + opening({"do": "kill"}, 0) + HEAD.pack(1, 0)[:5],
        HEAD.pack(1, 0)[5:] + b"1",
    ]
    orders = Orders(lambda size: sent.pop(0))
    assert orders.next() == {"do": "a"}
    assert (orders.take(2), orders.left, orders.take(9), orders.left) == (b"xy", 1, b"z", 0)
    assert orders.waiting
    assert [orders.next(), orders.next()] == [{"do": "kill"}, 1]
    assert not orders.waiting


def test_small_pieces_are_sent_together() -> None:
    assert [len(each) for each in joined([b"x" * (CHUNK - 1), b"xy", b"z"])] == [CHUNK + 1, 1]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (opening({}, 11) + bytes(11), "says what no keeper says"),
        (HEAD.pack(1, 0) + b"{", "says what no keeper says"),
        (HEAD.pack(9, 0) + b"{", "has ended"),
    ],
)
def test_an_answer_that_cannot_be_is_none(said: bytes, why: str) -> None:
    ours, theirs = socket_pair()
    link = KeeperLink(ours)
    with theirs:
        theirs.sendall(opening({"found": True}, 10) + bytes(10) + said)
        facts, data = link.ask({"do": "read"}, max_bytes=10, timeout_s=60)
        assert (facts, bytes(data)) == ({"found": True}, bytes(10))
        assert theirs.recv(99) == opening({"do": "read"}, 0)
    with pytest.raises(BrokenLinkError, match=why):
        link.answer(10, timeout_s=60)
    link.close()


def test_a_tree_tells_what_changed_from_what_was_only_read_or_touched(tmp_path: Path) -> None:
    for name in ("a", "b", "c", ".git"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to(os.fsdecode(b"bad\xff"))
    tree = Tree(str(tmp_path), os.geteuid(), without=".git")
    seen = tree.look(9, 99)
    assert sorted(seen.changed) == ["a", "b", "c", "link"]
    assert sorted(tree.contents(seen)) == [b"a", b"b", b"bad\xff", b"c"]
    (tmp_path / "a").touch()
    os.utime(tmp_path / "b", ns=(1, 1))
    (tmp_path / "c").write_text("C")
    (tmp_path / "link").unlink()
    (tmp_path / "empty").mkdir()
    assert tree.look(9, 99).facts() == {"changed": [("c", "F", 1)], "gone": ["link"], "empty": ["empty"]}
    for most in ((3, 99), (9, 2)):
        with pytest.raises(RefusedError):
            tree.look(*most)


def test_a_link_that_the_kernel_makes_up_is_not_handed_over() -> None:
    tree = Tree("/proc/self/ns", os.geteuid())
    seen = tree.look(99, 9999)
    with pytest.raises(OSError, match="not as long as it is said to be"):
        list(tree.contents(seen))


def test_facts_are_one_line_of_json() -> None:
    whole = opening({"a": [1]}, 7)
    assert HEAD.unpack(whole[: HEAD.size]) == (len(whole) - HEAD.size, 7)
    assert json.loads(whole[HEAD.size :]) == {"a": [1]}
