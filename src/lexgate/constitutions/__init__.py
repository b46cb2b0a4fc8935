"""Floor 1, the language: constitutions, their versions, digests and expressions."""

from lexgate.constitutions._dump import dump
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
from lexgate.constitutions._load import find, load, shipped
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

__all__ = [
    "ANSWER",
    "EXCEPTION",
    "FENCE",
    "QUESTION",
    "RULE",
    "WHOLE",
    "And",
    "Base",
    "Check",
    "Claim",
    "Constitution",
    "Exemplar",
    "Export",
    "Expression",
    "ExpressionError",
    "Interval",
    "Label",
    "Name",
    "Not",
    "Or",
    "Principle",
    "Proposition",
    "Rubric",
    "Severity",
    "Sight",
    "dump",
    "find",
    "load",
    "shipped",
]
