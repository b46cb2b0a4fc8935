"""Disguises come off; ordinary writing of any language stays as it is."""

import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.critic.attacks import ABSENT, SHARED, published

from lexgate.critic import Exchange, Message
from lexgate.critic._canonical import canonical, canonical_exchange
from lexgate.critic._lookalikes import folded

ORDINARY = {
    "English": "The caf\u00e9\u2019s na\u00efve \u201cquote\u201d \u2014 20\u00a0000 \u20ac\u2026 \u00bd \u2122 x\u00b2 H\u2082O 4\u1d57\u02b0",
    "French": "Bonjour\u00a0! \u00c7a va\u202f?\u00a0\u00ab\u00a0oui\u00a0\u00bb",
    "German": "Stra\u00dfe, \u00dcberma\u00df und \u00d6l",
    "Russian": "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! SMS\u043a\u0430, USB\u0448\u043d\u0438\u043a, \u043a\u043e\u0442, \u0440\u043e\u0441\u0430",
    "Greek": "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5, \u039d\u0391\u03a4\u039f",
    "Turkish": "kal\u0131n \u0131s\u0131 yaln\u0131z \u0130stanbul",
    "Vietnamese": "Ti\u1ebfng Vi\u1ec7t r\u1ea5t \u0111\u1eb9p",
    "Yoruba": "\u1eb9\u0301k\u1ecd\u0301 m\u0300 \u01f9",
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u06a9\u062a\u0627\u0628\u200c\u0647\u0627",
    "Arabic": "\u0645\u0631\u062d\u0628\u0627 C++\u200e \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u200f!",
    "Hebrew": "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u05e2\u05d5\u05dc\u05dd",
    "Hindi": "\u0928\u092e\u0938\u094d\u0924\u0947 \u0915\u094d\u200d\u0937 \u0915\u094d\u200c\u0937",
    "Thai": "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0e19\u0e49\u0e33",
    "Chinese": "\u4f60\u597d\uff0c\u4e16\u754c\uff01\uff08\u6d4b\u8bd5\uff09\u3000\u7ed3\u675f\uff1a",
    "Japanese": "\u65e5\u672c\u8a9e \u30c6\u30b9\u30c8\u3000\u845b\U000e0100\u57ce \u2460\u2461\u2462 \uff76\uff85",
    "Korean": "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
    "Mongolian": "\u182e\u1823\u1829\u182d\u1823\u182f\u180b",
    "Tibetan": "\u0f56\u0f7c\u0f51\u0f0b\u0f61\u0f72\u0f42",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f468\U0001f3fd\u200d\U0001f4bb \u2764\ufe0f 1\ufe0f\u20e3 "
    "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1e9\U0001f1ea \U0001f170\ufe0f",
    "a flag of tags": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "biology": "TNF\u03b1, IFN\u03b3, \u03b2-carotene",
    "physics": "\u03c1gh, h\u03bd, \u0394x, k\u03a9, \u03bcm, \u03b1\u03b2\u03b3, \u211d, 5\u2113, \u2260",
    "phonetics": "/\u02c8\u0251\u02d0\u0261\u0259st/ r\u026a\u02c8p\u028cbl\u026ak t\u0361\u0283",
    "code": "for (i = 0; i < n; i++) {\r\n\treturn `x`;\n}",
}  # fmt: skip

DISGUISED = {
    "zero-width space": "ki\u200bll",
    "zero-width non-joiner": "ki\u200cll",
    "joiner between letters": "k\u200dill",
    "word joiner": "k\u2060ill",
    "byte order mark": "\ufeffkill",
    "soft hyphen": "k\u00adill",
    "tags": "kill\U000e0041\U000e0042",
    "right-to-left override": "\u202ekill\u202c",
    "direction mark": "ki\u200ell",
    "variation selectors": "k\ufe0fi\ufe0fl\U000e0101l",
    "grapheme joiner": "k\u034fill",
    "Hangul filler": "k\u3164ill",
    "control": "ki\x00ll\x7f",
    "lone surrogate": "\ud800kill",
    "colour": "\x1b[31mkill\x1b[0m",
    "hyperlink": "\x1b]8;;http://x\x07kill\x1b]8;;\x07",
    "Cyrillic letter": "k\u0456ll",
    "Greek letter": "k\u03b9ll",
    "Cherokee letter": "kil\u04cf",
    "mathematical bold": "\U0001d424\U0001d422\U0001d425\U0001d425",
    "full width": "\uff4b\uff49\uff4c\uff4c",
    "circled": "\u24da\u24d8\u24db\u24db",
    "small capitals": "\u1d0b\u026a\u029f\u029f",
    "superscript": "\u1d4f\u2071\u02e1\u02e1",
    "parenthesised": "\u24a6\u24a4\u24a7\u24a7",
    "struck through": "k\u0336i\u0336l\u0336l\u0336",
    "underlined": "k\u0332i\u0332l\u0332l\u0332",
    "heaped marks": "k\u0351\u0352\u0353\u0354ill",
    "nested": "k\u200b\u0351\u0352\ufe0f\u0353\u0354\uff49l\u00adl",
}


@pytest.mark.parametrize("language", ORDINARY)
def test_ordinary_writing_stays_letter_by_letter(language):
    text = ORDINARY[language]
    assert unicodedata.is_normalized("NFC", text)
    assert canonical(text) == text


@pytest.mark.parametrize("disguise", DISGUISED)
def test_a_disguise_comes_off(disguise):
    assert canonical(DISGUISED[disguise]) == "kill"
    assert canonical(f"Now {DISGUISED[disguise]} it.") == "Now kill it."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("GRADE:\u00a0C", "GRADE: C"),
        ("a\u2003b\u2800c", "a b c"),
        ("\uff1c\uff5c\uff49\uff4d\uff3f\uff53\uff54\uff41\uff52\uff54\uff5c\uff1e", "<|im_start|>"),
        ("a \u0441\u0430r and a \u0441\u043e\u0440\u0435", "a car and a cope"),
        ("\U0001f17a\U0001f178\U0001f17b\U0001f17b", "KILL"),
        ("one\u2028two\rthree\x85four", "one\ntwo\nthree\nfour"),
        ("end.\x1b[2J\x1b[Hnew", "end.\n\nnew"),
        ("\ufb01re", "fire"),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_what_is_left(text, plain):
    assert canonical(text) == plain


def test_an_exchange_is_undisguised_turn_by_turn_and_else_equal():
    plain = Exchange((Message("system", "Be kind."), Message("user", "Why?")), "Because.")
    hidden = Exchange(
        (Message("system", "Be k\u0456nd."), Message("user", "W\u200bhy?")), "Bec\u00adause."
    )
    assert canonical_exchange(plain) == plain
    assert canonical_exchange(hidden) == plain


_tricky = st.sampled_from([
    *"ak1I.,:! \n\r", "\u0430", "\u0435", "\u0431", "\u03b1", "\u03bf", "\u03b2", "\u200b", "\u200c", "\u200d", "\ufe0f", "\u0301",
    "\u0336", "\u0323", "\u00a0", "\u3000", "\u4e00", "\uff0c", "\uff41", "\u24d0", "\u1d00", "\U0001d41a", "\U0001f150", "\u2764",
    "\U0001f3f4", "\U000e0067", "\U000e007f", "\u0e33", "\u0644", "\u1100", "\u115f", "\x1b", "[", "m", "\x1b[", "\ud800", "\u202e",
])  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(_tricky | st.characters(), max_size=40).map("".join))
def test_undisguising_twice_is_undisguising_once(text):
    plain = canonical(text)
    assert canonical(plain) == plain


@settings(max_examples=500, deadline=None)
@given(text=st.lists(_tricky | st.characters(), max_size=40).map("".join), cjk=st.booleans())
def test_a_fold_leaves_fewer_characters_that_are_not_ascii(text, cjk):
    plain = folded(text, cjk=cjk)
    before, after = (sum(not c.isascii() for c in t) for t in (text, plain))
    assert plain == text or after < before


@pytest.mark.prove
def test_undisguising_twice_is_undisguising_once_a_million_times():
    rng = random.Random(3)
    blocks = ((0x20, 0x7F), (0, 0x250), (0x300, 0x530), (0x13A0, 0x13F6), (0x1D00, 0x1E00), (0x2000, 0x2500),
              (0x1800, 0x1810), (0xFB00, 0xFB10), (0xFE00, 0xFF70), (0x1D400, 0x1D460), (0x1F100, 0x1F1A0),
              (0xE0000, 0xE0180))  # fmt: skip
    for _ in range(1_000_000):
        size = int(rng.random() * 24)
        text = "".join(chr(rng.randrange(*rng.choice(blocks))) for _ in range(size))
        plain = canonical(text)
        assert canonical(plain) == plain, ascii(text)


@pytest.mark.parametrize(
    "unit",
    ["\u00e9", "\u00a0a", "\u0301", "\u0430", "a\u0336", "\x1b]", "\x1b[", "\U0001f3f4\U000e0067", "\r", "\u200d"],
)  # fmt: skip
def test_no_text_takes_long(unit):
    assert len(canonical(unit * (100_000 // len(unit)))) <= 100_000


@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
def test_published_answers_are_nearly_never_changed():
    responses = [seed.exchange.response for seed in published()]
    changed = [response for response in responses if canonical(response) != response]
    assert len(changed) <= len(responses) // 100
