"""Floor 3, the measurements: suites, the runner, and the store that runs are kept in."""

from lexgate.evals._load_suite import load_suite, shipped_suites
from lexgate.evals._protocols import HasNetwork, Progress
from lexgate.evals._reports import read_reports
from lexgate.evals._rows import (
    AnswerRow,
    EndRow,
    ExamRow,
    Row,
    SampleRow,
    ScoreRow,
    VerdictRow,
    row_from_json,
)
from lexgate.evals._run import evaluate
from lexgate.evals._scorers import Scorer, exact_match, numeric, scorer, scorers
from lexgate.evals._store import Run, RunWriter, create_run, open_run, resume_run
from lexgate.evals._suite import AccuracyTask, CriticTask, LmEvalTask, Sample, Suite, Task

__all__ = [
    "AccuracyTask",
    "AnswerRow",
    "CriticTask",
    "EndRow",
    "ExamRow",
    "HasNetwork",
    "LmEvalTask",
    "Progress",
    "Row",
    "Run",
    "RunWriter",
    "Sample",
    "SampleRow",
    "ScoreRow",
    "Scorer",
    "Suite",
    "Task",
    "VerdictRow",
    "create_run",
    "evaluate",
    "exact_match",
    "load_suite",
    "numeric",
    "open_run",
    "read_reports",
    "resume_run",
    "row_from_json",
    "scorer",
    "scorers",
    "shipped_suites",
]
