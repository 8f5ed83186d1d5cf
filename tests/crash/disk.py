"""The states that a power cut can leave, of a folder and the calls made in it.

A disk keeps the bytes of a file and its name apart, each until it is synced:

- bytes written and not fsynced may be lost, cut short, or be garbage;
- a name made, moved or removed, and its folder not synced, may be as before;
- of several such things any may reach the disk without the others, but what builds on
  a lost one (a file in a folder that is not there) is lost with it.

A rename is one step: seen at its old name or at its new one. Both folders must be
synced before it can no longer be undone.
Source: fsync(2); ALICE (Pillai et al., OSDI 2014), table 1; sqlite's crash tests.
"""

import enum
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tests.crash.recorder import Op


class Bytes(enum.Enum):
    """What may become of bytes that were not synced."""

    LOST = "lost"
    TORN = "torn"
    GARBAGE = "garbage"


class Node:
    """A file, a folder or a symlink; a file may have several names."""

    def __init__(self, *, data: bytes = b"", target: str | None = None) -> None:
        self.data = data
        self.target = target
        self.names: dict[str, Node] | None = None

    @classmethod
    def folder(cls) -> "Node":
        """Return an empty folder."""
        node = cls()
        node.names = {}
        return node


class Tree:
    """A folder in memory."""

    def __init__(self) -> None:
        self.root = Node.folder()

    @classmethod
    def read(cls, root: Path) -> "Tree":
        """Read a folder; names of one file stay names of one file."""
        tree, seen = cls(), dict[int, Node]()

        def fill(node: Node, folder: Path) -> None:
            for entry in sorted(folder.iterdir()):
                found = entry.lstat()
                if entry.is_symlink():
                    child = Node(target=str(entry.readlink()))
                elif entry.is_dir():
                    child = Node.folder()
                    fill(child, entry)
                else:
                    child = seen.setdefault(found.st_ino, Node(data=entry.read_bytes()))
                assert node.names is not None
                node.names[entry.name] = child

        fill(tree.root, root)
        return tree

    def copy(self) -> "Tree":
        """Return a copy that can be changed."""
        twins: dict[int, Node] = {}

        def twin(node: Node) -> Node:
            if id(node) not in twins:
                made = Node(data=node.data, target=node.target)
                twins[id(node)] = made
                if node.names is not None:
                    made.names = {name: twin(n) for name, n in node.names.items()}
            return twins[id(node)]

        tree = Tree()
        tree.root = twin(self.root)
        return tree

    def write(self, root: Path) -> None:
        """Make it a real folder, which must not exist yet."""
        made: dict[int, Path] = {}

        def put(node: Node, path: Path) -> None:
            if node.names is not None:
                path.mkdir()
                for name, child in node.names.items():
                    put(child, path / name)
            elif node.target is not None:
                path.symlink_to(node.target)
            elif id(node) in made:
                path.hardlink_to(made[id(node)])
            else:
                path.write_bytes(node.data)
                made[id(node)] = path

        put(self.root, root)

    # --- calls -------------------------------------------------------------------

    def find(self, path: str) -> Node | None:
        """Return what has a name."""
        node: Node | None = self.root
        for part in path.split("/") if path else ():
            if node is None or node.names is None:
                return None
            node = node.names.get(part)
        return node

    def carry_out(self, op: Op, data: bytes | None = None) -> bool:
        """Carry a call out; tell whether it could be.

        Args:
            op: the call.
            data: written instead of its own.
        """
        folder = self.find(posixpath.dirname(op.path))
        name = posixpath.basename(op.path)
        if folder is None or folder.names is None:
            return False
        here = folder.names
        match op.verb:
            case "mkdir" | "create" | "symlink":
                if name in here:
                    return False
                here[name] = (
                    Node.folder()
                    if op.verb == "mkdir"
                    else Node(target=op.to if op.verb == "symlink" else None)
                )
            case "write" | "truncate":
                return self._fill(here.get(name), op, data)
            case "unlink" | "rmdir":
                return here.pop(name, None) is not None
            case "rename" | "link":
                return self._second_name(here, name, op)
        return True

    @staticmethod
    def _fill(node: Node | None, op: Op, data: bytes | None) -> bool:
        if node is None:
            return False
        if op.verb == "truncate":
            node.data = node.data[: op.at]
        else:
            new = op.data if data is None else data
            before = node.data[: op.at].ljust(op.at, b"\0")
            node.data = before + new + node.data[op.at + len(new) :]
        return True

    def _second_name(self, here: dict[str, Node], name: str, op: Op) -> bool:
        there = self.find(posixpath.dirname(op.to))
        if name not in here or there is None or there.names is None:
            return False
        node = here[name]
        if op.verb == "rename":
            del here[name]
        there.names[posixpath.basename(op.to)] = node
        return True


class State(msgspec.Struct, frozen=True):
    """One way in which a cut can leave the disk: which calls are missing or damaged.

    Attributes:
        cut: calls that were made.
        lost: those of them that did not reach the disk.
        harmed: writes that reached it in part, and how.
    """

    cut: int
    lost: frozenset[int] = frozenset()
    harmed: tuple[tuple[int, Bytes], ...] = ()

    def __str__(self) -> str:
        lost = f", lost {sorted(self.lost)}" if self.lost else ""
        harm = ", ".join(f"{at} {how.value}" for at, how in self.harmed)
        return f"cut after {self.cut}{lost}{f', {harm}' if harm else ''}"


def states(ops: Sequence[Op], *, first: int = 0) -> Iterator[State]:
    """Yield the states that a cut after each call can leave.

    For every cut: all reached the disk; nothing that was not synced did; one such call
    is missing; one such call alone is there; the bytes of one file are harmed while
    its names are all there.
    """
    for cut in range(first, len(ops) + 1):
        loose = unsynced(ops[:cut])
        yield State(cut)
        if not loose:
            continue
        everything = frozenset(loose)
        seen = {frozenset[int](), everything}
        yield State(cut, everything)
        for one in loose:
            for lost in (frozenset({one}), everything - {one}):
                if lost not in seen:
                    seen.add(lost)
                    yield State(cut, lost)
        yield from _harmed(ops, cut, loose)


def _harmed(ops: Sequence[Op], cut: int, loose: Sequence[int]) -> Iterator[State]:
    writes: dict[str, list[int]] = {}
    for index in loose:
        if ops[index].verb == "write":
            writes.setdefault(ops[index].path, []).append(index)
    for indices in writes.values():
        for how in (Bytes.TORN, Bytes.GARBAGE):
            yield State(cut, harmed=tuple((index, how) for index in indices))
        if len(indices) > 1:
            yield State(cut, harmed=((indices[-1], Bytes.TORN),))


def unsynced(ops: Sequence[Op]) -> list[int]:
    """Return which calls a cut can still undo, by their number."""
    loose: dict[int, set[str]] = {}  # call -> what must still be synced
    names: dict[str, str] = {}  # a file's present name -> the name that it began with
    for index, op in enumerate(ops):
        match op.verb:
            case "fsync":
                file = names.get(op.path, op.path)
                for needs in loose.values():
                    needs.discard(f"bytes of {file}")
            case "sync_dir":
                for needs in loose.values():
                    needs.discard(f"names in {names.get(op.path, op.path)}")
            case "write" | "truncate":
                loose[index] = {f"bytes of {names.get(op.path, op.path)}"}
            case _:
                needs = {_folder_of(op.path, names)}
                if op.verb in {"rename", "link"}:
                    needs.add(_folder_of(op.to, names))
                loose[index] = needs
                if op.verb == "rename":
                    _follow(names, op.path, op.to)
                elif op.verb == "create":
                    names[op.path] = f"{op.path}#{index}"
        loose = {number: needs for number, needs in loose.items() if needs}
    return sorted(loose)


def _folder_of(path: str, names: dict[str, str]) -> str:
    folder = posixpath.dirname(path)
    return f"names in {names.get(folder, folder)}"


def _follow(names: dict[str, str], old: str, new: str) -> None:
    """Let everything below a renamed name keep its identity."""
    for name in [n for n in names if n == new or n.startswith(new + "/")]:
        del names[name]
    moved = [n for n in names if n == old or n.startswith(old + "/")]
    for name in moved:
        names[new + name[len(old) :]] = names.pop(name)
    names.setdefault(new, old)


def apply(before: Tree, ops: Sequence[Op], state: State) -> Tree:
    """Return the folder as a cut left it."""
    tree, harmed = before.copy(), dict(state.harmed)
    for index, op in enumerate(ops[: state.cut]):
        if index in state.lost:
            continue
        data = None
        if index in harmed:
            half = len(op.data) // 2
            kept = op.data[:half]
            is_torn = harmed[index] is Bytes.TORN
            data = kept if is_torn else kept + b"\xa5" * (len(op.data) - half)
        tree.carry_out(op, data)
    return tree
