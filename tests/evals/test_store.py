"""The store: durable, chained, one writer; damage is never read as data."""

from __future__ import annotations

import json
import random
import resource
import shutil
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import EndRow, ScoreRow, create_run, open_run, resume_run

CONTENTS = {
    "suite": {"name": "s", "version": "1.0.0", "digest": "sha256:0"},
    "limit": None,
    "tasks": [],
    "constitution": None,
    "prompts": {},
    "candidate": {"name": "scripted/x", "digest": "sha256:1", "details": {}},
    "critic": None,
    "decoding": {"max_new_tokens": 1, "temperature": 0.0},
}
JOURNAL = "j-00000000.jsonl"


def score(i: int) -> ScoreRow:
    return ScoreRow(f"key-{i}", "t", f"sample “{i}”", "acc", float(i % 2))


def write(folder, count: int, *, end: bool = True):
    with create_run(folder, CONTENTS) as writer:
        for i in range(count):
            writer.append(score(i))
        if end:
            writer.append(EndRow("end", count))
    return writer.path


def test_a_run_read_back_is_what_was_written(tmp_path):
    run = open_run(write(tmp_path, 200))

    assert list(run.rows()) == [*map(score, range(200)), EndRow("end", 200)]
    assert run.complete
    assert run.path.name == run.id
    assert run.manifest["candidate"] == CONTENTS["candidate"]


def test_the_head_is_the_chain_written_out(tmp_path):
    import hashlib

    path = write(tmp_path, 3)

    head = hashlib.sha256((path / "run.json").read_bytes()).hexdigest()
    for line in (path / JOURNAL).read_bytes().splitlines():
        row = line[len(b'{"h":"') + 64 + len(b'","row":') : -1]
        head = hashlib.sha256(head.encode() + row).hexdigest()
        assert json.loads(line)["h"] == head
    assert open_run(path).head == head


def test_equal_contents_have_one_identity_and_ids_of_their_own(tmp_path):
    first, second = open_run(write(tmp_path, 1)), open_run(write(tmp_path, 2))

    assert first.manifest["identity"] == second.manifest["identity"]
    assert first.id != second.id


def test_a_folder_of_runs_holds_nothing_else(tmp_path):
    path = write(tmp_path, 1)

    assert list(tmp_path.iterdir()) == [path]
    assert sorted(p.name for p in path.iterdir()) == [JOURNAL, "run.json"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o055 == 0o055


def test_rows_are_acknowledged_only_by_a_commit(tmp_path):
    writer = create_run(tmp_path, CONTENTS)
    writer.append(score(0))
    assert list(open_run(writer.path).rows()) == []

    writer.commit()

    assert list(open_run(writer.path).rows()) == [score(0)]
    writer.close()


def test_a_group_of_rows_is_committed_by_itself(tmp_path):
    writer = create_run(tmp_path, CONTENTS)
    writer.append(score(0))
    time.sleep(0.12)
    writer.append(score(1))
    assert len(list(open_run(writer.path).rows())) == 2  # 100 ms are over

    for i in range(2, 2 + 64):
        writer.append(score(i))

    assert len(list(open_run(writer.path).rows())) >= 66
    writer.close()


def test_a_key_never_stands_twice(tmp_path):
    with create_run(tmp_path, CONTENTS) as writer:
        writer.append(score(0))
        with pytest.raises(ValueError, match="a row of this key stands already"):
            writer.append(score(0))

    with resume_run(writer.path) as again, pytest.raises(ValueError, match="stands already"):
        again.append(score(0))


def test_nothing_follows_the_end(tmp_path):
    path = write(tmp_path, 2)

    with resume_run(path) as writer, pytest.raises(ValueError, match="the run is complete"):
        writer.append(score(7))

    assert open_run(path).complete


def test_an_end_that_miscounts_is_damage(tmp_path):
    with create_run(tmp_path, CONTENTS) as writer:
        writer.append(score(0))
        writer.append(EndRow("end", 5))

    with pytest.raises(EvidenceError, match="damaged at line 2"):
        open_run(writer.path)


def test_a_second_writer_is_refused_while_the_first_writes(tmp_path):
    with create_run(tmp_path, CONTENTS) as writer:
        with pytest.raises(UsageError, match=f"being written by another process.*{JOURNAL}"):
            resume_run(writer.path)
        writer.append(score(0))

    with resume_run(writer.path) as second:
        assert second.standing == [score(0)]


def test_a_reader_needs_no_right_to_write(tmp_path):
    path = write(tmp_path, 3)
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    before = {p.name: p.stat().st_mtime_ns for p in (path, *path.iterdir())}

    try:
        assert len(list(open_run(path).rows())) == 4
        assert {p.name: p.stat().st_mtime_ns for p in (path, *path.iterdir())} == before
    finally:
        path.chmod(0o755)


def test_every_cut_of_the_last_line_is_a_torn_tail(tmp_path):
    path = write(tmp_path, 3, end=False)
    content = (path / JOURNAL).read_bytes()
    start = content[:-1].rindex(b"\n") + 1

    for cut in range(start, len(content)):
        (path / JOURNAL).write_bytes(content[:cut])
        run = open_run(path)
        assert list(run.rows()) == [score(0), score(1)]
        assert not run.complete
        with resume_run(path) as writer:
            writer.append(score(2))
        assert (path / JOURNAL).read_bytes() == content


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\0\n\0\n", b"\xff\n{}\n", b'{"h":"'])
def test_a_tail_that_was_never_written_is_cut_off(tmp_path, tail):
    path = write(tmp_path, 3, end=False)
    content = (path / JOURNAL).read_bytes()
    (path / JOURNAL).write_bytes(content + tail)

    assert len(list(open_run(path).rows())) == 3
    with resume_run(path):
        pass

    assert (path / JOURNAL).read_bytes() == content


def test_every_changed_byte_of_a_complete_run_is_noticed(tmp_path):
    path = write(tmp_path, 40)
    draw = random.Random(7)
    for _ in range(200):
        name = draw.choice([JOURNAL] * 5 + ["run.json"])
        file = path / name
        content = file.read_bytes()
        at = draw.randrange(len(content))
        flipped = bytearray(content)
        flipped[at] ^= 1 << draw.randrange(8)
        file.write_bytes(flipped)

        try:
            noticed = not open_run(path).complete
        except EvidenceError:
            noticed = True

        assert noticed, f"{name} byte {at}: {content[at]:02x} -> {flipped[at]:02x}"
        file.write_bytes(content)
    assert open_run(path).complete


def test_a_changed_row_before_the_last_is_damage_that_nobody_repairs(tmp_path):
    path = write(tmp_path, 9)
    content = (path / JOURNAL).read_bytes()
    (path / JOURNAL).write_bytes(content.replace(b'"value":1.0', b'"value":0.0', 1))

    for reader in (open_run, resume_run):
        with pytest.raises(EvidenceError, match=r"damaged at line 2 of j-00000000\.jsonl"):
            reader(path)


@pytest.mark.parametrize("change", ["drop", "double", "swap"])
def test_lines_cannot_be_dropped_doubled_or_swapped(tmp_path, change):
    path = write(tmp_path, 9)
    lines = (path / JOURNAL).read_bytes().splitlines(keepends=True)
    changed = {
        "drop": lines[:3] + lines[4:],
        "double": lines[:4] + lines[3:],
        "swap": [*lines[:3], lines[4], lines[3], *lines[5:]],
    }[change]
    (path / JOURNAL).write_bytes(b"".join(changed))

    with pytest.raises(EvidenceError, match="is damaged at line"):
        open_run(path)


def test_the_journal_of_another_run_is_damage(tmp_path):
    one, two = write(tmp_path, 3), write(tmp_path, 3)
    shutil.copy(one / JOURNAL, two / JOURNAL)

    with pytest.raises(EvidenceError, match="is damaged at line 1"):
        open_run(two)


def test_a_run_that_grows_reads_as_it_stood_when_opened(tmp_path):
    with create_run(tmp_path, CONTENTS) as writer:
        writer.append(score(0))
        writer.commit()
        early = open_run(writer.path)
        writer.append(score(1))
        writer.commit()

        assert list(early.rows()) == [score(0)]
        assert len(list(open_run(writer.path).rows())) == 2


def test_a_run_that_is_changed_after_opening_does_not_read(tmp_path):
    path = write(tmp_path, 5)
    run = open_run(path)
    content = (path / JOURNAL).read_bytes()
    (path / JOURNAL).write_bytes(content[: len(content) // 2])

    with pytest.raises(EvidenceError, match="changed while it was read"):
        list(run.rows())


def test_what_is_no_run_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match=f"no run at {path}: .* holds run.json"):
            open_run(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'{"format": "lexgate-run/9"}', b"\xff"]
)
def test_a_damaged_manifest_is_evidence_that_is_missing(tmp_path, content):
    path = write(tmp_path, 1)
    (path / "run.json").write_bytes(content)

    with pytest.raises(EvidenceError, match=r"is damaged: run\.json cannot be used"):
        open_run(path)


def test_a_manifest_about_another_candidate_is_damage(tmp_path):
    path = write(tmp_path, 1)
    manifest = json.loads((path / "run.json").read_text())
    manifest["candidate"]["name"] = "scripted/better"
    (path / "run.json").write_text(json.dumps(manifest))

    with pytest.raises(EvidenceError, match="not a lexgate-run/1 of the identity it states"):
        open_run(path)


def test_a_run_without_its_journal_is_damaged(tmp_path):
    path = write(tmp_path, 1)
    (path / JOURNAL).unlink()

    with pytest.raises(EvidenceError, match=r"journal of the run .* cannot be read: No such file"):
        open_run(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()

    with pytest.raises(UsageError, match=f"cannot create a run in {blocked}: "):
        create_run(blocked, CONTENTS)


FULL_DISK = textwrap.dedent(
    """
    import json, resource, sys
    from pathlib import Path
    from lexgate.errors import EvidenceError
    from lexgate.evals import ScoreRow, create_run

    contents, folder, room = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    writer = create_run(folder, contents)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    acknowledged = 0
    try:
        with writer:
            for i in range(1000):
                writer.append(ScoreRow(f"key-{i}", "t", str(i), "acc", 1.0))
                if i % 10 == 9:
                    writer.commit()
                    acknowledged = i + 1
    except EvidenceError as error:
        try:
            writer.append(ScoreRow("late", "t", "late", "acc", 1.0))
        except ValueError:
            pass
        else:
            sys.exit(99)
        print(acknowledged, writer.path, error, sep="\\n")
        sys.exit(error.exit_code)
    """
)


@pytest.mark.parametrize("room", [5000, 5003, 12345])
def test_a_full_disk_keeps_what_was_acknowledged(tmp_path, room):
    """The kernel refuses to let the journal grow beyond `room` bytes: a real short write."""
    command = [sys.executable, "-c", FULL_DISK, json.dumps(CONTENTS), str(tmp_path), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 4, done.stderr
    acknowledged, path, message = done.stdout.split("\n", 2)
    assert "cannot be written: File too large" in message
    assert "make room and resume it" in message
    run = open_run(tmp_path / path)
    assert 0 < int(acknowledged) == len(list(run.rows()))
    with resume_run(run.path) as writer:
        writer.append(ScoreRow("after", "t", "after", "acc", 1.0))
    assert len(list(open_run(run.path).rows())) == int(acknowledged) + 1


def test_a_closed_writer_takes_no_rows(tmp_path):
    with create_run(tmp_path, CONTENTS) as writer:
        writer.append(score(0))

    with pytest.raises(ValueError, match="key-1: the writer is closed"):
        writer.append(score(1))

    assert list(open_run(writer.path).rows()) == [score(0)]


def test_twenty_thousand_rows_are_read_in_a_second(tmp_path):
    path = write(tmp_path, 20_000)

    before = resource.getrusage(resource.RUSAGE_SELF)
    count = sum(1 for _ in open_run(path).rows())
    after = resource.getrusage(resource.RUSAGE_SELF)

    assert count == 20_001
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 1.0


@pytest.mark.parametrize("junk", [b"\0" * 10, b"half a li", b"one\nmore\n"])
def test_bytes_after_the_end_are_damage(junk, tmp_path):
    path = write(tmp_path, 3)
    with (path / JOURNAL).open("ab") as stream:
        stream.write(junk)

    with pytest.raises(EvidenceError, match="bytes stand after the end of the run"):
        open_run(path)
