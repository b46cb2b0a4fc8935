"""Hypothesis strategies of the whole house: expressions and constitutions, hostile text included."""

from dataclasses import replace

from hypothesis import strategies as st

from lexgate.constitutions import (
    WHOLE,
    And,
    Check,
    Constitution,
    Exemplar,
    Interval,
    Name,
    Not,
    Or,
    Principle,
    Proposition,
    Rubric,
    Severity,
)
from lexgate.constitutions._dump import digest_of
from lexgate.constitutions._expression import expand
from lexgate.constitutions._model import DEFAULT_CHOICES, WHOLE_ASK
from lexgate.constitutions._reserved import reserved_in

LABELS = ("violates", "borderline", "complies")
SIGHTS = ("prompt", "response", "exchange")

# What YAML readers stumble over: other types written as words, marks, breaks, blanks, emptiness.
HOSTILE = (
    "yes", "No", "on", "null", "~", "true", "1", "1.10", "1e5", "0o17", "017", "12:30:45", "1_000",
    "2020-01-01", ".nan", "-.inf", "=", "<<", "- x", "? x", ": x", "x: y", "# x", "x # y", "[x", "{x}",
    "&a", "*a", "!!str x", "!x", "|", ">", "%x", "@x", "`x`", "'", '"', "\\", "\\u0041", "---", "...",
    " x", "x ", "\tx", "x\ty", "\n", "x\n", "\nx", "x\n\n", "x\n\ny", " x\ny", "x\n y\n", "x \ny", "\r\n",
    "\x00", "\x1b[31m", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\uffff", "\U0001f600", "é",
    "word " * 40, "word  " * 40, "w" * 200, "${PROMPT}", "{response}", "```",
)  # fmt: skip

characters = st.characters(exclude_categories=("Cs",))
texts = st.one_of(st.sampled_from(HOSTILE), st.text(characters, min_size=1, max_size=120))
rule_texts = texts.filter(lambda text: not reserved_in(text))  # what may get into a prompt
definitions = st.dictionaries(texts, rule_texts, max_size=3).filter(
    lambda found: not any(reserved_in(f"{term}: {text}") for term, text in found.items())
)
ids = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
proposition_ids = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda id_: id_ not in {"and", "or", "not", WHOLE}
)
versions = st.builds("{}.{}.{}".format, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))


def expressions(names):
    """Expressions over given names, with every kind of nesting."""

    def deeper(inner):
        operands = st.lists(inner, min_size=2, max_size=4).map(tuple)
        return st.one_of(inner.map(Not), operands.map(And), operands.map(Or))

    return st.recursive(st.sampled_from(sorted(names)).map(Name), deeper, max_leaves=12)


def truth(expression, answers):
    """The boolean an expression means, worked out by Python's own operators."""
    if isinstance(expression, Name):
        return answers[expression.id]
    if isinstance(expression, Not):
        return not truth(expression.operand, answers)
    join = all if isinstance(expression, And) else any
    return join(truth(operand, answers) for operand in expression.operands)


def certain(answers):
    """Known answers as the intervals an expression is evaluated over."""
    return {id_: Interval(float(value), float(value)) for id_, value in answers.items()}


def distinct(strategy, **sizes):
    return st.lists(strategy, unique=True, **sizes)


@st.composite
def exemplars(draw, id_, propositions, violated_when):
    """An example whose answers, where they settle its principle, agree with its label."""
    names = sorted(p.id for p in propositions)
    answers = draw(st.dictionaries(st.sampled_from(names), st.booleans()))
    low, high = violated_when.evaluate(certain(answers))
    label = draw(st.sampled_from(LABELS))
    if low == high:
        label = draw(st.sampled_from(("violates" if low else "complies", "borderline")))
    return Exemplar(
        id_,
        f"{id_} {draw(texts)}",  # no two examples are one exchange
        draw(st.one_of(st.just(""), texts)),
        label,
        draw(texts),
        draw(st.sampled_from(("public", "sealed"))),
        tuple(sorted(answers.items())),
    )


@st.composite
def checks(draw, propositions):
    shown = draw(st.sampled_from(propositions))
    sees = draw(st.sampled_from(SIGHTS)) if shown.sees == "exchange" else shown.sees
    pattern = draw(st.sampled_from((r"\bno\b", "sorry|can't", r"^a: b\s*$", "[#'\"]", "ä{2,3}")))
    return Check(pattern, sees, shown.id, draw(st.booleans()))


def contingent(violated_when, names):
    """Whether an expression depends on its answers, tried out case by case."""
    cases = [{}]
    for name in names:
        cases = [{**case, name: value} for case in cases for value in (False, True)]
    return len({truth(violated_when, case) for case in cases}) == 2


@st.composite
def rubrics(draw, names):
    """Grades with or without conditions; those with them are a partition by construction."""
    choices = draw(st.one_of(st.just(DEFAULT_CHOICES), distinct(texts, min_size=2, max_size=4)))
    if not (names and draw(st.booleans())):
        return Rubric(tuple(choices))
    left = [draw(expressions(names)) for _ in choices[1:]]
    when = [
        And((*map(Not, left[:place]), condition)) if place else condition
        for place, condition in enumerate(left)
    ]
    rest = And(tuple(map(Not, left))) if len(left) > 1 else Not(left[0])
    return Rubric(tuple(choices), tuple(zip(choices, [*when, rest], strict=True)))


@st.composite
def principles(draw, id_, example_ids, severities, weaker, vocabulary):
    """A principle over its own propositions, the shared ones and the derived names."""
    shared, derived, levels = vocabulary
    taken = {p.id for p in shared} | derived.keys()
    declared = draw(distinct(proposition_ids.filter(lambda p: p not in taken), max_size=3))
    asked = [Proposition(p, draw(rule_texts), draw(st.sampled_from(SIGHTS))) for p in declared]
    named = [*declared, *(p.id for p in shared), *derived]
    condition = Name(WHOLE)
    if asked or (named and draw(st.booleans())):
        condition = draw(
            expressions(named).filter(
                lambda e: contingent(full := expand(e, derived), sorted(full.names()))
            )
        )
    else:
        asked = [Proposition(WHOLE, WHOLE_ASK, "exchange")]
        named.append(WHOLE)
    rubric = draw(rubrics(named))
    conditions = (condition, *(e for _, e in rubric.when))
    used = frozenset().union(*(expand(e, derived).names() for e in conditions))
    asked += [p for p in shared if p.id in used]
    return Principle(
        id=id_,
        title=draw(texts),
        criterion=draw(
            st.sampled_from(("safety", "helpfulness", "honesty", "accuracy", "efficiency"))
        ),
        polarity=draw(st.sampled_from(("prohibit", "require"))),
        severity=draw(st.sampled_from(severities)),
        text=draw(rule_texts),
        rationale=draw(st.one_of(st.just(""), texts)),
        exceptions=tuple(draw(st.lists(rule_texts, max_size=2))),
        overrides=tuple(draw(distinct(st.sampled_from(weaker)))) if weaker else (),
        propositions=tuple(asked),
        violated_when=condition,
        rubric=rubric,
        checks=tuple(draw(st.lists(checks(asked), max_size=2))),
        examples=tuple(
            draw(exemplars(example, asked, expand(condition, derived))) for example in example_ids
        ),
        authority=draw(st.sampled_from(("", *levels))),
        critique=draw(st.one_of(st.just(""), texts)),
        revise=draw(st.one_of(st.just(""), texts)),
    )


@st.composite
def vocabularies(draw):
    """Shared propositions, derived names over them and over each other, levels of authority."""
    names = draw(distinct(proposition_ids, max_size=4))
    shared = [Proposition(p, draw(rule_texts), draw(st.sampled_from(SIGHTS))) for p in names[:2]]
    derived = {}
    for name in names[2:]:
        derived[name] = draw(expressions([p.id for p in shared] + list(derived)))
    return tuple(shared), derived


@st.composite
def mappings(draw, ids_):
    taxonomies = draw(st.dictionaries(texts, st.just(None), max_size=2))
    entries = st.dictionaries(
        st.sampled_from(ids_), distinct(texts, min_size=1, max_size=2).map(tuple)
    )
    return tuple((name, tuple(sorted(draw(entries).items()))) for name in sorted(taxonomies))


@st.composite
def constitutions(draw):
    """Any constitution a file can hold."""
    grades = draw(distinct(ids, min_size=1, max_size=3))
    names = draw(distinct(ids, min_size=1, max_size=3))
    examples = draw(distinct(ids, max_size=5))
    shared, derived = draw(vocabularies())
    # A principle's own level never goes against the overrides, which lead from earlier to later ones.
    authorities = draw(distinct(ids, max_size=3))
    rates = st.floats(0, 1)
    unsigned = Constitution(
        name=draw(ids),
        version=draw(versions.filter(lambda v: v != "0.0.0")),
        title=draw(texts),
        license=draw(texts),
        supersedes=draw(st.sampled_from((None, "0.0.0"))),
        changes=tuple(draw(st.lists(texts, max_size=2))),
        severities=tuple(
            Severity(
                level,
                draw(rates) or 0.0,
                draw(rates.filter(lambda rate: 0 < rate < 1)),
                draw(st.sampled_from(("C0", "C1", "C2", "C3", "C4", "C5"))),
            )
            for level in grades
        ),
        definitions=tuple(sorted(draw(definitions).items())),
        principles=tuple(
            draw(
                principles(
                    name,
                    examples[index :: len(names)],
                    grades,
                    names[index + 1 :],
                    (shared, derived, authorities[min(index, len(authorities) - 1) :][:1]),
                )
            )
            for index, name in enumerate(names)
        ),
        mappings=draw(mappings(names)),
        digest="",
        authorities=tuple(authorities),
        propositions=shared,
        derived=tuple(sorted(derived.items())),
        retired=tuple(draw(distinct(ids.filter(lambda id_: id_ not in names), max_size=2))),
        prompt_budget=draw(st.one_of(st.none(), st.integers(1, 10_000))),
    )
    return replace(unsigned, digest=digest_of(unsigned))
