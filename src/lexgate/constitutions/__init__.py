"""Floor 1, the language: constitutions, their versions, digests and expressions."""

from lexgate.constitutions._diff import Bump, Change, Diff, demanded_version, diff, satisfies
from lexgate.constitutions._dump import dump, write_yaml
from lexgate.constitutions._export import Export
from lexgate.constitutions._expression import (
    And,
    Expression,
    ExpressionError,
    Interval,
    Name,
    Not,
    Or,
)
from lexgate.constitutions._grades import grade_of, impossible_grades
from lexgate.constitutions._load import find, load, shipped
from lexgate.constitutions._lock import LOCK, Lock, lock_near, read_lock, shipped_lock, write_lock
from lexgate.constitutions._model import (
    WHOLE,
    Base,
    Check,
    Claim,
    Constitution,
    Exemplar,
    Label,
    Principle,
    Proposition,
    Rubric,
    Severity,
    Sight,
)
from lexgate.constitutions._reserved import ANSWER, EXCEPTION, FENCE, QUESTION, RULE
from lexgate.constitutions._revisions import find_revision
from lexgate.constitutions._taxonomies import TAXONOMIES
from lexgate.constitutions._terms import uses_term
from lexgate.constitutions._unused import unused
from lexgate.constitutions.formats import FORMATS, Reading, read_format, write_format

__all__ = [
    "ANSWER",
    "EXCEPTION",
    "FENCE",
    "FORMATS",
    "LOCK",
    "QUESTION",
    "RULE",
    "TAXONOMIES",
    "WHOLE",
    "And",
    "Base",
    "Bump",
    "Change",
    "Check",
    "Claim",
    "Constitution",
    "Diff",
    "Exemplar",
    "Export",
    "Expression",
    "ExpressionError",
    "Interval",
    "Label",
    "Lock",
    "Name",
    "Not",
    "Or",
    "Principle",
    "Proposition",
    "Reading",
    "Rubric",
    "Severity",
    "Sight",
    "demanded_version",
    "diff",
    "dump",
    "find",
    "find_revision",
    "grade_of",
    "impossible_grades",
    "load",
    "lock_near",
    "read_format",
    "read_lock",
    "satisfies",
    "shipped",
    "shipped_lock",
    "unused",
    "uses_term",
    "write_format",
    "write_lock",
    "write_yaml",
]
