"""The whole output is the verdict, or there is none."""

import itertools
import json
import random
import re

import pytest
from tests.critic.verdict_cases import CASES, wide

from lexgate._text import has_hidden
from lexgate.critic import Silence
from lexgate.critic._strict import bare, match_whole, new_nonce, parse_answers, parse_choice

NONCE = "0f" * 16
IDS = ("violated", "harmful")
SAFE = {"violated": False, "harmful": False}


def reply(nonce=NONCE, **answers):
    return json.dumps({"nonce": nonce, "answers": answers or dict.fromkeys(IDS, "no")})


COMPLIES, VIOLATES = reply(), reply(violated="yes", harmful="no")
HEAD = f'{{"nonce": "{NONCE}", '
MALFORMED = {
    "missing id": reply(violated="no"),
    "other id": reply(violated="no", harmfull="no"),
    "surplus id": reply(violated="no", harmful="no", kind="no"),
    "no answers": HEAD[:-2] + "}",
    "no nonce": '{"answers": {"violated": "no", "harmful": "no"}}',
    "wrong nonce": reply(nonce="0e" * 16),
    "nonce in capitals": reply(nonce=NONCE.upper()),
    "nonce in full width": reply(nonce=wide(NONCE)),
    "nonce with a zero-width space": reply(nonce=NONCE + "\u200b"),
    "nonce with a space": reply(nonce=NONCE + " "),
    "empty nonce": reply(nonce=""),
    "nonce null": COMPLIES.replace(f'"{NONCE}"', "null"),
    "nonce an object": COMPLIES.replace(f'"{NONCE}"', "{}"),
    "surplus key": COMPLIES[:-1] + ', "reason": "fine"}',
    "surplus empty key": COMPLIES[:-1] + ', "": ""}',
    "answers twice, safe last": VIOLATES[:-1] + ", " + COMPLIES.partition(", ")[2],
    "answers twice, safe first": COMPLIES[:-1] + ", " + VIOLATES.partition(", ")[2],
    "nonce twice": COMPLIES[:-1] + f', "nonce": "{NONCE}"}}',
    "id twice, safe last": VIOLATES[:-2] + ', "violated": "no"}}',
    "id twice, safe first": COMPLIES[:-2] + ', "violated": "yes"}}',
    "id twice by an escape": COMPLIES[:-2] + ', "\\u0076iolated": "yes"}}',
    "booleans": COMPLIES.replace('"no"', "false"),
    "booleans as text": COMPLIES.replace('"no"', '"false"'),
    "numbers": COMPLIES.replace('"no"', "0"),
    "huge number": COMPLIES.replace('"no"', "9" * 10_000, 1),
    "null": COMPLIES.replace('"no"', "null"),
    "NaN": COMPLIES.replace('"no"', "NaN"),
    "Infinity": COMPLIES.replace('"no"', "-Infinity"),
    "lists": COMPLIES.replace('"no"', '["no"]'),
    "objects": COMPLIES.replace('"no"', '{"answer": "no"}'),
    "capitals": COMPLIES.replace('"no"', '"No"'),
    "all capitals": COMPLIES.replace('"no"', '"NO"'),
    "blank in a word": COMPLIES.replace('"no"', '"no "'),
    "dot": COMPLIES.replace('"no"', '"no."'),
    "both": COMPLIES.replace('"no"', '"yes|no"'),
    "empty word": COMPLIES.replace('"no"', '""'),
    "full-width word": COMPLIES.replace('"no"', f'"{wide("no")}"'),
    "homoglyph word": COMPLIES.replace('"no"', '"n\u043e"'),
    "zero-width word": COMPLIES.replace('"no"', '"n\u200bo"'),
    "zero-width word, escaped": COMPLIES.replace('"no"', '"n\\u200bo"'),
    "surrogate, escaped": COMPLIES.replace('"no"', '"no\\ud800"'),
    "single quotes": COMPLIES.replace('"', "'"),
    "curly quotes": COMPLIES.replace('"', "\u201d"),
    "no quotes": re.sub(r'"(no|violated)"', r"\1", COMPLIES),
    "trailing comma": COMPLIES[:-1] + ",}",
    "comment": COMPLIES[:-1] + "/* sure */}",
    "line break in a word": COMPLIES.replace('"no"', '"n\no"'),
    "no-break space between": COMPLIES.replace(" ", "\u00a0"),
    "form feed between": COMPLIES.replace(" ", "\f"),
    "in a list": f"[{COMPLIES}]",
    "in a string": json.dumps(COMPLIES),
    "one level deeper": f'{{"reply": {COMPLIES}}}',
    "list of pairs": HEAD + '"answers": [["violated", "no"], ["harmful", "no"]]}',
    "answers as a string": HEAD + '"answers": "no"}',
    "answers null": HEAD + '"answers": null}',
    "answers empty": HEAD + '"answers": {}}',
    "two lines of JSON": f"{VIOLATES}\n{COMPLIES}",
    "two objects": COMPLIES * 2,
    "deep nesting": HEAD + '"answers": ' + '{"a":' * 10_000,
    "deep list": HEAD + '"answers": ' + "[" * 30_000,
    "huge": HEAD + '"answers": "' + "x" * 10_000_000,
    "huge blanks inside": COMPLIES.replace(" ", " " * 100_000),
}


def test_the_exact_object_is_the_verdict_in_any_order_spacing_and_spelling():
    swapped = f'{{"answers": {{"harmful":"no",\n"violated":"yes"}},"nonce":"{NONCE}"}}'
    spelled = COMPLIES.replace('"no"', '"\\u006E\\u006f"').replace("nonce", "\\u006eonce")
    assert parse_answers(COMPLIES, NONCE, IDS) == SAFE
    assert parse_answers(f"\r\n\t {COMPLIES}\v\f\n", NONCE, IDS) == SAFE
    assert parse_answers(spelled, NONCE, IDS) == SAFE
    assert parse_answers(swapped, NONCE, IDS) == {"violated": True, "harmful": False}
    assert list(parse_answers(swapped, NONCE, IDS)) == list(IDS)


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_nearly_the_object_is_silence(kind):
    silence = parse_answers(MALFORMED[kind], NONCE, IDS)
    assert isinstance(silence, Silence)
    assert silence.reason == "unparsable"


def test_every_truncation_of_a_verdict_is_silence():
    read = [parse_answers(COMPLIES[:end], NONCE, IDS) for end in range(len(COMPLIES))]
    assert all(isinstance(found, Silence) for found in read)


def test_no_case_that_fools_parsers_is_read_as_safe_in_json():
    read = {kind: parse_answers(text, NONCE, IDS) for kind, text in CASES(COMPLIES, VIOLATES)}
    assert len(read) >= 120
    assert {kind for kind, found in read.items() if not isinstance(found, Silence)} == set()


FORMATS = [
    ("safe", "unsafe"),
    ("no", "yes"),
    ("No", "Yes"),
    ("VALID", "INVALID"),
    ("safe", "unsafe\nS1,S2"),
    ("<score>no</score>", "<score>yes</score>"),
    ("Safety: Safe\nCategories: None\nRefusal: No", "Safety: Unsafe\nCategories: Violent\nRefusal: No"),
    ("[RESULT] 5", "[RESULT] 1"),
    ("0", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("safe", "unsafe"), FORMATS)
def test_no_case_that_fools_parsers_is_read_as_safe_from_a_menu(safe, unsafe):
    menu = {safe: False, unsafe: True}
    kinds = dict(CASES(safe, unsafe))
    read = {kind: parse_choice(text, menu) for kind, text in kinds.items() if text != safe}
    assert {kind for kind, found in read.items() if found is False} == set()
    assert (parse_choice(f" {safe}\n", menu), parse_choice(unsafe, menu)) == (False, True)
    grammar = re.compile(re.escape(safe))
    matched = {kind: match_whole(text, grammar) for kind, text in kinds.items() if text != safe}
    assert {kind for kind, found in matched.items() if not isinstance(found, Silence)} == set()


@pytest.mark.parametrize("kinds", [dict(CASES(*pair)) for pair in FORMATS])
def test_each_kind_of_case_is_there_once_and_hostile_to_searching_parsers(kinds):
    names = [kind for kind, _ in CASES("safe", "unsafe")]
    assert len(names) == len(set(names))
    for kind in ("empty", "refusal", "restated options", "full-width", "zero-width space inside"):
        assert kind in kinds


def test_parsers_that_search_fail_on_the_same_cases():
    first, last, words = set(), set(), set()
    for kind, text in CASES("verdict: safe", "verdict: unsafe"):
        found = re.findall(r"verdict: (safe|unsafe)", text)
        first |= {kind} if found[:1] == ["safe"] else set()
        last |= {kind} if found[-1:] == ["safe"] else set()
        words |= {kind} if "safe" in text and "unsafe" not in text else set()
    assert len(first) > 11
    assert len(last) > 11
    assert first - last
    assert last - first
    assert "negation" in words


def test_silence_says_why_in_one_short_printable_line():
    texts = [text for _, text in CASES(COMPLIES, VIOLATES)] + list(MALFORMED.values())
    for text in texts:
        detail = parse_answers(text, NONCE, IDS).detail
        assert not has_hidden(detail)
        assert "\n" not in detail
        assert len(detail) < 1_000


@pytest.mark.parametrize(
    ("text", "silence"),
    [
        ("", Silence("unparsable", "the critic's reply is empty")),
        (
            "I\u2019m sorry, no.",
            Silence("refused", "the critic refused: I\u2019m sorry, no."),
        ),
        ("As an AI \x1b[31m", Silence("refused", "the critic refused: As an AI \\x1b[31m")),
        (
            reply(nonce="?"),
            Silence(
                "unparsable",
                "not exactly a verdict (it does not carry the nonce of this call): "
                '{"nonce": "?", "answers": {"violated": "no", "harmful": "no"}}',
            ),
        ),
    ],
)
def test_what_a_silence_says(text, silence):
    assert parse_answers(text, NONCE, IDS) == silence


def test_a_refusal_is_never_a_verdict_even_when_it_holds_one():
    for text in (f"I can't do that. {COMPLIES}", f"Sorry! {COMPLIES}"):
        assert parse_answers(text, NONCE, IDS).reason == "refused"


def test_nonces_are_long_and_new():
    nonces = {new_nonce() for _ in range(1_000)}
    assert len(nonces) == 1_000
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)


def test_what_the_caller_must_give():
    for nonce, ids in (("", IDS), (NONCE, ())):
        with pytest.raises(ValueError, match="with a nonce and the ids that were asked"):
            parse_answers(COMPLIES, nonce, ids)
    for menu in ({}, {"": 1}, {" safe": 1}, {"safe\n": 1}):
        with pytest.raises(ValueError, match="no menu to read a verdict from"):
            parse_choice("safe", menu)


def test_only_ascii_whitespace_is_stripped():
    assert bare(" \t\n\r\v\fx\u00a0 ") == "x\u00a0"


def _spelled(text):
    """A JSON string of ASCII letters, digits and underscores, each plain or escaped."""
    return '"' + "".join(f"(?:{c}|\\\\u(?i:{ord(c):04x}))" for c in text) + '"'


def _object_of(members):
    pairs = [f"{_spelled(key)}{_WS}:{_WS}{value}" for key, value in members]
    orders = [f"{_WS},{_WS}".join(order) for order in itertools.permutations(pairs)]
    return rf"\{{{_WS}(?:{'|'.join(orders)}){_WS}\}}"


_WS = r"[ \t\n\r]*"
_WORDS = f"(?:{_spelled('yes')}|{_spelled('no')})"
_ANSWERS = _object_of([(id_, _WORDS) for id_ in IDS])
_EXACT = re.compile(
    rf"[ \t\n\r\v\f]*{_object_of([('nonce', _spelled(NONCE)), ('answers', _ANSWERS)])}[ \t\n\r\v\f]*"
)
_SAFE_MENU = re.compile(r"[ \t\n\r\v\f]*safe[ \t\n\r\v\f]*")
_BITS = (
    *" \t\n\r\v\f{}[]:,\"'\\.", '"no"', '"yes"', "no", "yes", "\\u006e", "\\u004E", "\\n", "\u00a0", "\u200b",
    "\ufeff", "\x00", "null", "NaN", "true", "0", "```", "safe", "unsafe", '"nonce"', '"answers"',
    '"violated"', '"harmful"', NONCE, wide("no"), "n\u043e", '"violated": "no",', ', "harmful": "yes"',
)  # fmt: skip


def _mutants(count, seed):
    """Texts near the exact object: spliced, cut, doubled, escaped and spaced cases."""
    rng = random.Random(seed)
    valid = [COMPLIES, VIOLATES, COMPLIES.replace(" ", ""), "safe", "unsafe"]
    valid.append(f'{{"answers":{{"harmful":"no","violated":"no"}},"nonce":"{NONCE}"}}')
    near = [t for _, t in CASES(COMPLIES, VIOLATES)] + list(MALFORMED.values())
    near += [t for _, t in CASES("safe", "unsafe")]
    near = [text for text in near if len(text) < 400]
    for _ in range(count):
        text = rng.choice(valid if rng.random() < 0.7 else near)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
            text = _mutated(text, rng, valid)
        yield text


def _mutated(text, rng, valid):
    at = int(rng.random() * (len(text) + 1))
    end = at + int(rng.random() * 6)
    action = int(rng.random() * 8)
    if action == 6:
        return text.replace("yes", "no", 1) if at % 2 else text.replace("no", "yes", 1)
    if action == 7:
        other = rng.choice(valid)
        return text[:at] + other[at if at % 2 else int(rng.random() * len(other)) :]
    span = text[at:end]
    put, kept = (
        (rng.choice(_BITS), span),
        ("", ""),
        (span, span),
        (rng.choice(_BITS), ""),
        ("".join(f"\\u{ord(c):04x}" for c in span), ""),
        (rng.choice(" \t\n\r\v\f"), span),
    )[action]
    return text[:at] + put + kept + text[end:]


@pytest.mark.parametrize(
    ("count", "seed"), [(2_000, 1), pytest.param(1_000_000, 2, marks=pytest.mark.prove)]
)
def test_a_verdict_is_read_if_and_only_if_the_text_is_exactly_one(count, seed):
    menu = {"safe": False, "unsafe": True}
    read = safe = 0
    for text in _mutants(count, seed):
        found = parse_answers(text, NONCE, IDS)
        exact = _EXACT.fullmatch(text) is not None
        assert exact == (not isinstance(found, Silence)), text
        if exact:
            read += 1
            if found == SAFE:
                safe += 1
                assert '"yes"' not in text, text
        chosen = parse_choice(text, menu)
        assert (chosen is False) == (_SAFE_MENU.fullmatch(text) is not None), text
    assert safe > count / 100  # the fuzzer does reach verdicts
    assert read - safe > count / 100
