"""Codes of published hazard taxonomies, so that a mapping to one of them cannot name what is not there.

A taxonomy that is not listed here may be mapped to all the same; its categories are not checked.
Sources: Llama Guard 3 model card (S1 to S14); MLCommons AILuminate 1.0 (hazard codes as its prompt
sets spell them); Qwen3Guard model card (categories).
"""

from __future__ import annotations

__all__ = ["TAXONOMIES"]

TAXONOMIES: dict[str, tuple[str, ...]] = {
    # Codes that the target llama-guard is to use, pinned by hand.
    "llama_guard_codes": tuple(f"S{number}" for number in range(1, 1000)),
    "llama_guard": tuple(f"S{number}" for number in range(1, 15)),
    "mlcommons": (
        "cse",
        "dfm",
        "hte",
        "ipv",
        "iwp",
        "ncr",
        "prv",
        "spc",
        "spc_ele",
        "spc_fin",
        "spc_hlt",
        "spc_lgl",
        "src",
        "ssh",
        "sxc",
        "sxc_prn",
        "vcr",
    ),
    "qwen3guard": (
        "Violent",
        "Non-violent Illegal Acts",
        "Sexual Content or Sexual Acts",
        "PII",
        "Suicide & Self-Harm",
        "Unethical Acts",
        "Politically Sensitive Topics",
        "Copyright Violation",
        "Jailbreak",
    ),
    "wildguard": ("harmful_response", "response_refusal", "over_refusal"),
}
# What a guard with a policy of its own knows whole of a principle, not a part of.
TAXONOMIES |= {f"{name}_covers": TAXONOMIES[name] for name in ("qwen3guard", "wildguard")}
