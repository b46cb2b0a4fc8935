"""What a critic tells of itself stands beside a run, and nothing put in its place costs the run."""

import os

import pytest

from lexgate.critic import Abstention, Verdict
from lexgate.evals._reports import absent, read_reports, write_reports


class Tells:
    """A critic that reports one thing."""

    def __init__(self, told):
        self.told = told

    def reports(self):
        return self.told


def test_each_process_adds_a_line(tmp_path):
    for number in (1, 2):
        write_reports(tmp_path, Tells({"hf/x": {"rows": number}}))
    write_reports(tmp_path, Tells({}))
    write_reports(tmp_path, None)

    assert read_reports(tmp_path) == [{"hf/x": {"rows": 1}}, {"hf/x": {"rows": 2}}]


def test_a_torn_line_costs_no_other(tmp_path):
    write_reports(tmp_path, Tells({"hf/x": {"rows": 1}}))
    file = tmp_path / "critic.jsonl"
    file.write_bytes(file.read_bytes() + b'{"hf/x": {"ro')
    write_reports(tmp_path, Tells({"hf/x": {"rows": 2}}))

    assert read_reports(tmp_path) == [{"hf/x": {"rows": 1}}, {"hf/x": {"rows": 2}}]


@pytest.mark.parametrize(
    "line",
    ['{"x": {"a": 1e999}}', '{"x": {"a": NaN}}', "[1]", "[" * 100_000, '{"x": 1, "x": 2}', "\x00"],
)
def test_a_hostile_line_is_left_out(tmp_path, line):
    (tmp_path / "critic.jsonl").write_text(line + "\n")

    assert read_reports(tmp_path) == []


def test_only_a_plain_file_is_written_and_read(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for place in ("link", "pipe", "folder"):
        run = tmp_path / place
        run.mkdir()
        at = run / "critic.jsonl"
        if place == "link":
            at.symlink_to(victim)
        elif place == "pipe":
            os.mkfifo(at)
        else:
            at.mkdir()

        write_reports(run, Tells({"hf/x": {"rows": 1}}))

        assert read_reports(run) == []
    assert victim.read_text() == "mine"


def test_a_critic_is_absent_where_all_of_a_batch_failed():
    def failed(reason="failed"):
        return Abstention("p", reason, "no key")

    verdict = Verdict("p", violated=False, p_violated=0.1, answers=())
    assert absent([(failed(),), (failed("budget"),)]) == "no key"
    assert absent([(failed(),), (verdict,)]) == ""
    assert absent([(failed("tie"),)]) == ""
    assert absent([]) == ""
