"""The difference between two JSON values, small enough to stand beside the one to give the other.

A merge patch (RFC 7396: objects are patched key by key, null removes a key), with one addition:
lists whose items are objects with an `id` are patched item by item, and what is put in the place of
another value is put there only as long as that other value stands. So an edit of what is shown is
never undone by the patch, and touches nothing of what the patch says elsewhere. Law (tested): `patched(a, difference(a, b)) == b` for
values without nulls.
"""

from __future__ import annotations

from typing import Any

from lexgate._digests import digest

__all__ = ["difference", "patched"]

_ITEMS, _NEW, _GONE, _ORDER = "@items", "@new", "@gone", "@order"
_FOR, _IS = "@for", "@is"  # the mark of what is replaced (null: nothing), and what replaces it


def difference(shown: Any, wanted: Any) -> Any:
    """Return the patch that turns `shown` into `wanted`; {} where they are equal objects."""
    if isinstance(shown, dict) and isinstance(wanted, dict):
        patch: dict[str, Any] = {_spelled(key): None for key in shown if key not in wanted}
        for key, value in wanted.items():
            if key not in shown:
                patch[_spelled(key)] = {_FOR: None, _IS: value}
            elif shown[key] != value:
                patch[_spelled(key)] = difference(shown[key], value)
        return patch
    before, after = _by_id(shown), _by_id(wanted)
    if before is None or after is None:
        return {} if shown == wanted else {_FOR: _mark(shown), _IS: wanted}
    items = {id_: difference(before[id_], after[id_]) for id_ in after if id_ in before}
    return {
        _ITEMS: {id_: patch for id_, patch in items.items() if patch != {}},
        _NEW: [after[id_] for id_ in after if id_ not in before],
        _GONE: [id_ for id_ in before if id_ not in after],
        _ORDER: list(after),
    }


def patched(shown: Any, patch: Any) -> Any:
    """Apply a patch; what `shown` has gained since it was made stays, what it has lost stays lost."""
    if not isinstance(patch, dict):
        return patch
    if _FOR in patch:
        return patch[_IS] if _mark(shown) == patch[_FOR] else shown
    if _ORDER in patch:
        return _patched_list(_by_id(shown) or {}, patch)
    if not patch and shown is not None:
        return shown
    before = shown if isinstance(shown, dict) else {}
    result = {k: v for k, v in before.items() if patch.get(_spelled(k), "") is not None}
    for spelled, value in patch.items():
        if value is not None:
            key = spelled[1:] if spelled.startswith("@@") else spelled
            result[key] = patched(before.get(key), value)
    return {key: value for key, value in result.items() if value is not None}


def _mark(shown: Any) -> str | None:
    """Stand for a value by the beginning of its digest: enough to see whether it was edited."""
    return None if shown is None else digest(shown).removeprefix("sha256:")[:16]


def _spelled(key: str) -> str:
    """Spell a key so that it is none of the patch's own marks, which begin with a single @."""
    return f"@{key}" if key.startswith("@") else key


def _patched_list(items: dict[str, Any], patch: dict[str, Any]) -> list[Any]:
    kept = {id_: item for id_, item in items.items() if id_ not in patch[_GONE]}
    present = {id_: patched(item, patch[_ITEMS].get(id_, {})) for id_, item in kept.items()}
    present |= {item["id"]: item for item in patch[_NEW]}
    ordered = {id_: present[id_] for id_ in patch[_ORDER] if id_ in present}
    return [*ordered.values(), *(item for id_, item in present.items() if id_ not in ordered)]


def _by_id(value: Any) -> dict[str, Any] | None:
    """Index a list of objects by id; None where it is none, or ids are missing or stand twice."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return None
    found = {item["id"]: item for item in value if isinstance(item.get("id"), str)}
    return found if value and len(found) == len(value) else None
