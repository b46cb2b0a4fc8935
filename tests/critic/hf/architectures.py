"""Tiny random networks of the decoder-only families of transformers, and the way each is scored.

Run as a script it writes docs/architectures.md, which is made of nothing but these tables.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs/architectures.md"

WORDS = 96
WINDOW = 8  # tokens; every prompt of the sweep is longer

# What configs call their sizes, and how small each becomes.
SIZES: dict[str, Any] = {
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), WORDS),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("embed_dim", "attention_hidden_size", "lru_width"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "d_ff", "feed_forward_size"), 48),
    **dict.fromkeys(("ffn_hidden_size", "block_ff_dim", "intermediate_size_mlp"), 48),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "attention_heads"), 4),
    **dict.fromkeys(
        ("num_heads", "time_step_rank", "mamba_dt_rank", "rotary_dim", "index_topk"), 4
    ),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "num_global_key_value_heads"), 2),
    **dict.fromkeys(("head_dim", "hidden_size_per_head", "global_head_dim"), 8),
    **dict.fromkeys(("attention_head_dim", "hidden_size_per_layer_input", "chunk_size"), 8),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"), 8),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), 8),
    **dict.fromkeys(("state_size", "mamba_d_state", "ssm_state_size", "mamba_chunk_size"), 8),
    **dict.fromkeys(("mamba_n_heads", "mamba_d_head", "mamba_num_heads", "mamba_head_dim"), 8),
    **dict.fromkeys(("sliding_window", "window_size", "attention_chunk_size"), WINDOW),
    **dict.fromkeys(("attention_window_size", "local_attention", "floor_scale"), WINDOW),
    "block_size": WINDOW,
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), 256),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "o_lora_rank"), 16),
    **dict.fromkeys(("index_head_dim", "qk_head_dim", "moe_intermediate_size"), 16),
    **dict.fromkeys(("shared_expert_intermediate_size", "shared_intermediate_size"), 16),
    "expert_ffn_hidden_size": 16,
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4),
    "moe_num_experts": 4,
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_k"), 2),
    **dict.fromkeys(("linear_num_value_heads", "linear_num_key_heads", "n_mamba_heads"), 2),
    **dict.fromkeys(("index_n_heads", "mamba_expand"), 2),
    **dict.fromkeys(("n_group", "topk_group", "moe_layer_start_index", "first_k_dense_replace"), 1),
    **dict.fromkeys(("n_shared_experts", "moe_num_shared_experts", "mamba_n_groups"), 1),
    **dict.fromkeys(("n_groups", "bos_token_id", "eos_token_id"), 1),
    "pad_token_id": 0,
}
_TOKENS = ("pad_token_id", "bos_token_id", "eos_token_id")  # set even where the default is none
_MLA = {"head_dim": 8, "num_key_value_heads": 4}
_HEADS = {"head_dim": 8}
_LINEAR = ["linear_attention", "full_attention"] * 2
_CONV = ["conv", "full_attention"] * 2
_WINDOWS = {"layer_types": ["sliding_attention", "full_attention"] * 2}
_SPARSE = ["dense", "sparse"] * 2
_KDA = {"layer_types": _LINEAR, "mlp_layer_types": _SPARSE, "linear_head_dim": 8,
        "linear_num_heads": 4, "num_key_value_heads": 4}  # fmt: skip

# What the generic sizes do not fit.
OVERRIDES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("axk1", "axk2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite"), _MLA),
    **dict.fromkeys(("glm_moe_dsa", "longcat_flash", "minicpm3", "youtu"), _MLA),
    "deepseek_v2": _MLA | {"num_experts_per_tok": 2},
    **dict.fromkeys(("hunyuan_v1_dense", "hunyuan_v1_moe"), _HEADS),
    **dict.fromkeys(("laguna", "mellum"), _WINDOWS),
    **dict.fromkeys(("ministral", "nemotron"), _HEADS | {"num_key_value_heads": 2}),
    "bailing_hybrid": _KDA | {"num_expert_group": 1, "num_nextn_predict_layers": 0},
    "bamba": {"attn_layer_indices": [1, 3]},
    "cohere_compass_text": _WINDOWS | {"rope_parameters": {
        kind: {"rope_type": "default", "rope_theta": 1e4} for kind in _WINDOWS["layer_types"]}},
    "cpmant": {"dim_head": 8, "dim_ff": 48, "prompt_length": 4, "prompt_types": 4},
    "dbrx": {"attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8.0},
             "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 48, "moe_num_experts": 4,
                            "moe_top_k": 2}},
    "dots3_note_text": {"layer_types": ["indexed_attention", "sliding_attention"] * 2,
                        "head_dim": 16, "num_key_value_heads": 4, "per_layer_config": {},
                        "mlp_layer_types": _SPARSE, "shared_experts_intermediate_size": 16},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
              "n_group": 1, "topk_group": 1},
    "falcon_h1": {"mamba_d_ssm": 64},
    "gemma3n_text": {"num_kv_shared_layers": 2, "num_hidden_layers": 5, "laurel_rank": 4,
                     "altup_num_inputs": 2, "activation_sparsity_pattern": [0.0] * 5,
                     "layer_types": ["sliding_attention", "full_attention", "sliding_attention",
                                     "sliding_attention", "full_attention"]},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": _LINEAR},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
              "expert_layer_offset": 1},
    "kimi_linear": _KDA,
    "lfm2": {"layer_types": _CONV},
    "lfm2_moe": {"layer_types": _CONV},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "qwen2": {"use_sliding_window": True, "max_window_layers": 2},
    "qwen4_exp_text": {"layer_types": ["linear_attention", "indexed_attention"] * 2,
                       "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8,
                       "indexer_budget": WINDOW, "indexer_compress_ratio": 4, "hc_lowrank": 8,
                       "ple_embed_dim": 32, "ngram_vocab_size_base": 64, "split_ngram_parts": 1,
                       "heads_per_ngram": 2, "output_gate_type": "sigmoid"},
    "zamba": {"num_hidden_layers": 6, "num_key_value_heads": 4, "attention_head_dim": 16,
              "attention_hidden_size": 64,
              "layers_block_type": ["linear_attention", "linear_attention", "hybrid"] * 2},
    "zamba2": {"layers_block_type": ["mamba", "hybrid"] * 2, "num_mem_blocks": 1,
               "attention_head_dim": 16, "attention_hidden_size": 64, "num_key_value_heads": 4},
    "zaya": {"num_experts_per_tok": 1, "num_experts_per_token": 1},
}  # fmt: skip
# Where wide weights make a network so steep that float32 itself rounds by more than the tolerance.
SPREADS = dict.fromkeys(
    ("hrm_text", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next", "zamba2"), 0.1
)

# The way each family is scored on a CPU with float32, why, and how the scorer says so.
_WAYS: tuple[tuple[str, str, str, str], ...] = (
    (
        "packed",
        "attention is plain",
        "the fastest way agrees",
        (
            "apertus arcee aria_text biogpt bitnet cohere ctrl dbrx ernie4_5 ernie4_5_moe "
            "flex_olmo gemma glm glm4 glm4_moe gpt-sw3 gpt2 gpt_bigcode gpt_neox granite "
            "granitemoe granitemoeshared helium hrm_text hunyuan_v1_dense hunyuan_v1_moe "
            "hy_v3 hyperclovax internlm3 iquestcoder jais2 jetmoe llama minimax_m2 "
            "minimax_m3_vl_text ministral3 mixtral nanochat nemotron olmo olmo2 olmoe opt "
            "persimmon phi phi3 phimoe qwen2_moe qwen3 qwen3_moe seed_oss smollm3 solar_open "
            "stablelm starcoder2"
        ),
    ),
    (
        "trie",
        "a window, or chunks",
        "packed attention is not for (layers of|a sliding window)",
        (
            "afmoe beam cohere2 cohere2_moe cohere_compass_text cwm dots1 exaone4 exaone_moe "
            "flint gemma2 gemma3_text gemma4_text gemma4_unified_text gpt_oss granite_swa "
            "granitemoe_swa kolibri1 laguna llama4_text mellum mimo_v2_flash ministral "
            "mistral modernbert-decoder olmo3 qwen2 vaultgemma"
        ),
    ),
    (
        "trie",
        "attention in code of its own",
        r"packed does not run: UnfitAttentionError: \d of 4 layers",
        "bloom codegen diffllama falcon gpt_neo gpt_neox_japanese gptj mpt xglm",
    ),
    (
        "trie",
        "keys and values of different sizes",
        "packed does not run: RuntimeError: .* same head size",
        "axk1 deepseek_v2 deepseek_v3 glm4_moe_lite longcat_flash minicpm3 youtu",
    ),
    (
        "trie",
        "a mask of its own",
        "packed does not run: UnfitAttentionError: attention takes a mask",
        "doge",
    ),
    (
        "deep trie",
        "layers write their state in place",
        "its cache has layers of (Dummy|Linear)[^;]*$",
        (
            "bailing_hybrid falcon_h1 gemma3n_text granitemoehybrid kimi_linear lfm2 lfm2_moe "
            "lfm3 minimax nemotron_h olmo_hybrid qwen3_5_moe_text qwen3_5_text qwen3_next "
            "zamba2 zaya"
        ),
    ),
    (
        "plain",
        "it does not go on from a state with several tokens",
        "deep trie differs from single rows",
        "bamba jamba zamba",
    ),
    (
        "plain",
        "it gives no cache back",
        "no attribute 'past_key_values'$",
        "falcon_mamba mamba mamba2 openai-gpt recurrent_gemma",
    ),
    (
        "plain",
        "its cache does not repeat for a batch",
        "trie does not run: RuntimeError: The expanded size",
        "xlstm",
    ),
    (
        "single",
        "its cache may depend on how it was filled",
        "which may depend on how it was filled",
        (
            "axk2 deepseek_v32 deepseek_v4 dots3_note_text glm_moe_dsa hy_v4 inkling2_text "
            "inkling_text qwen4_exp_text"
        ),
    ),
    (
        "single",
        "padding changes what it gives",
        "plain differs from single rows",
        "cpmant rwkv",
    ),
)
PATHS = {family: path for path, _, _, names in _WAYS for family in names.split()}
REASONS = {family: why for _, why, _, names in _WAYS for family in names.split()}
SAID = {family: said for _, _, said, names in _WAYS for family in names.split()}

_LONG = {"rope_type": "longrope", "rope_theta": 1e4, "factor": 4.0, "short_factor": [1.0] * 4,
         "long_factor": [3.0, 5.0, 9.0, 20.0], "original_max_position_embeddings": 33}  # fmt: skip
_DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
_YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
         "original_max_position_embeddings": 8}  # fmt: skip
# What checkpoints turn on and defaults leave off: family, fields, the way it is scored.
VARIANTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "doge that drops keys": ("doge", {"keep_window_size": 33}, "trie"),
    "dots1 without a window": ("dots1", {"sliding_window": None}, "packed"),
    "falcon with biases": ("falcon", {"alibi": True}, "trie"),
    "gemma3_text with a cap": ("gemma3_text", {"attn_logit_softcapping": 5.0}, "trie"),
    "llama with dynamic rotation": (
        "llama", {"rope_parameters": _DYNAMIC, "max_position_embeddings": 33}, "packed",
    ),
    "llama with yarn": ("llama", {"rope_parameters": _YARN}, "packed"),
    "ministral3 with scaled positions": (
        "ministral3", {"rope_parameters": _YARN | {"llama_4_scaling_beta": 0.5}}, "packed",
    ),
    "mistral without a window": ("mistral", {"sliding_window": None}, "packed"),
    "mixtral with a window": ("mixtral", {"sliding_window": WINDOW}, "trie"),
    "phi3 with a window": ("phi3", {"sliding_window": WINDOW}, "trie"),
    "phi3 with longrope": (
        "phi3", {"rope_parameters": _LONG, "original_max_position_embeddings": 33}, "packed",
    ),
    "phimoe with longrope": (
        "phimoe",
        {"rope_parameters": _LONG | {"short_mscale": 1.0, "long_mscale": 1.2}},
        "packed",
    ),
    "qwen2 without a window": ("qwen2", {"use_sliding_window": False}, "packed"),
    "qwen3 with windows": (
        "qwen3",
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2},
        "trie",
    ),
    "stablelm in parallel": (
        "stablelm", {"use_parallel_residual": True, "qk_layernorm": True}, "packed",
    ),
    "starcoder2 with a window": ("starcoder2", {"sliding_window": WINDOW}, "trie"),
}  # fmt: skip

_BY_CAUSE = {
    "its text part is a family of its own, or it is large by its other parts": (
        "blt dots3_note emu3 fuyu gemma3 gemma3n gemma4 gemma4_assistant gemma4_unified "
        "gemma4_unified_assistant git got_ocr2 llama4 mllama moshi "
        "moss_transcribe_diarize musicgen musicgen_melody phi4_multimodal qwen3_5 "
        "qwen3_5_moe qwen4_exp "
    ),
    "an encoder, or the decoder of an encoder": (
        "bart bert bert-generation big_bird bigbird_pegasus blenderbot blenderbot-small "
        "camembert data2vec-text electra ernie marian mbart megatron-bert mvp pegasus "
        "plbart prophetnet reformer rembert roberta roberta-prelayernorm roc_bert "
        "roformer trocr whisper xlm xlm-roberta xlm-roberta-xl xlnet xmod "
    ),
}
SKIPPED = {family: why for why, names in _BY_CAUSE.items() for family in names.split()}


def build(family: str, seed: int = 0, **fields: Any) -> Any:
    """Build a network whose weights are spread so widely that a mistake shows."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    default = AutoConfig.for_model(family)
    known = default.to_dict()
    renamed = set(getattr(default, "attribute_map", {}).values())
    sizes = {
        name: size
        for name, size in SIZES.items()
        if name in _TOKENS
        or known.get(name) is not None
        or (name in renamed and isinstance(known.get(name), int))
    }
    config = AutoConfig.for_model(family, **(sizes | OVERRIDES.get(family, {}) | fields))
    torch.manual_seed(seed)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            noise = torch.randn(weight.shape, generator=generator)
            finite = bool(torch.isfinite(weight).all())
            if weight.dim() < 2:  # norms, biases, sinks, decays
                weight.copy_((weight if finite else 0.0) + 0.1 * noise)
            elif not finite or float(weight.std()) < 0.25:
                weight.copy_(SPREADS.get(family, 0.3) * noise)
    return network


_MEANING = {
    "packed": "each shared prefix and all that follows it is one row",
    "trie": "each shared prefix is computed once, what follows it is a padded batch",
    "deep trie": "the same, with the cache copied whole",
    "plain": "padded rows; no prefix is shared",
    "single": "one row at a time",
}


def page() -> str:
    """Write docs/architectures.md."""
    ways = list(PATHS.values())
    counts = [f"| {way} | {ways.count(way)} | {what} |" for way, what in _MEANING.items()]
    families = [f"| {name} | {PATHS[name]} | {REASONS[name]} |" for name in sorted(PATHS)]
    variants = [f"| {name} | {way} |" for name, (_, _, way) in sorted(VARIANTS.items())]
    skipped = [
        textwrap.fill(
            f"* {why}: {', '.join(sorted(names.split()))}.",
            width=100,
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        for why, names in _BY_CAUSE.items()
    ]
    return "\n".join(
        (
            _HEAD,
            *("| way | families | what it does |", "|---|---|---|", *counts, ""),
            *("| family | way | why |", "|---|---|---|", *families, ""),
            *(_ABOUT_VARIANTS, "| with | way |", "|---|---|", *variants, ""),
            *("## Not covered", "", *skipped, "", _TAIL),
        )
    )


_HEAD = """\
<!-- Written by tests/critic/hf/architectures.py; run it after a change there. -->

# Architectures

Label scoring shares prefixes by the fastest way that agrees with scoring each row alone (see
`critic/hf/_scorer.py`). A sweep (`tests/critic/hf/test_architectures.py`) builds a tiny random
network of each family below with transformers 5.23, scores trees of prompts in float32 on a CPU,
and compares every number with a plain forward pass: none differs by more than 1e-4 nats. A family
that takes a slower way than this table says, or another way for another reason, fails the sweep.
"""
_ABOUT_VARIANTS = """\
Checkpoints turn features on that the default config leaves off. The sweep runs these too; of
others, the check at run time takes the next way.
"""
_TAIL = """\
## Rows that are always alone

Where a model's numbers hang on the length of the whole pass, no row past that length shares one:
`longrope` and `dynamic` rotary frequencies are chosen by the longest position (in checkpoints that
stretch 4,096 tokens to 128k, from 4,096 on), and doge keeps the best `keep_window_size` keys, where
the shape of the pass decides between equal tokens. Shorter rows take the way in the table.

## What the check cannot see

With bfloat16 and float16, ways may differ by 0.1 nats before the next one is taken: rounding is
that large. A way that is wrong by less than that on the rows checked is taken.
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
