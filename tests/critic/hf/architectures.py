"""Tiny random networks of the decoder-only families of transformers, and the way each is scored."""

from __future__ import annotations

from typing import Any

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
    "attention_window_size": WINDOW,
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

# What the generic sizes do not fit.
OVERRIDES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("axk1", "axk2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite"), _MLA),
    **dict.fromkeys(("glm_moe_dsa", "longcat_flash", "minicpm3", "youtu"), _MLA),
    "deepseek_v2": _MLA | {"num_experts_per_tok": 2},
    **dict.fromkeys(("hunyuan_v1_dense", "hunyuan_v1_moe"), _HEADS),
    **dict.fromkeys(("ministral", "nemotron"), _HEADS | {"num_key_value_heads": 2}),
    "bamba": {"attn_layer_indices": [1, 3]},
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
    "lfm2": {"layer_types": _CONV},
    "lfm2_moe": {"layer_types": _CONV},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "qwen2": {"use_sliding_window": True, "max_window_layers": 2},
    "zamba2": {"layers_block_type": ["mamba", "hybrid"] * 2, "num_mem_blocks": 1,
               "attention_head_dim": 16, "attention_hidden_size": 64, "num_key_value_heads": 4},
    "zaya": {"num_experts_per_tok": 1, "num_experts_per_token": 1},
}  # fmt: skip
# Where wide weights make a network so steep that float32 itself rounds by more than the tolerance.
SPREADS = dict.fromkeys(("hrm_text", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next"), 0.1)

# The way each family is scored on a CPU with float32; docs/architectures.md shows the same.
_BY_PATH = {
    "packed": (
        "apertus arcee aria_text biogpt bitnet cohere ctrl ernie4_5 ernie4_5_moe "
        "flex_olmo gemma glm glm4 glm4_moe gpt-sw3 gpt2 gpt_bigcode gpt_neox granite "
        "granitemoe granitemoeshared helium hrm_text hunyuan_v1_dense hunyuan_v1_moe "
        "hy_v3 hyperclovax internlm3 iquestcoder jais2 jetmoe llama minimax_m2 "
        "minimax_m3_vl_text ministral3 mixtral nanochat nemotron olmo olmo2 olmoe opt "
        "persimmon phi phi3 phimoe qwen2_moe qwen3 qwen3_moe seed_oss smollm3 solar_open "
        "stablelm starcoder2 "
    ),
    "trie": (
        "afmoe axk1 beam bloom codegen cohere2 cohere2_moe cwm deepseek_v2 deepseek_v3 "
        "diffllama doge dots1 exaone4 exaone_moe falcon flint gemma2 gemma3_text "
        "gemma4_text gemma4_unified_text glm4_moe_lite gpt_neo gpt_neox_japanese gpt_oss "
        "gptj granite_swa granitemoe_swa kolibri1 laguna llama4_text longcat_flash mellum "
        "mimo_v2_flash minicpm3 ministral mistral modernbert-decoder mpt olmo3 qwen2 "
        "vaultgemma xglm youtu "
    ),
    "deep trie": (
        "falcon_h1 gemma3n_text granitemoehybrid lfm2 lfm2_moe lfm3 minimax nemotron_h "
        "olmo_hybrid qwen3_5_moe_text qwen3_5_text qwen3_next zamba2 zaya "
    ),
    "plain": ("bamba falcon_mamba jamba mamba mamba2 openai-gpt recurrent_gemma xlstm "),
    "single": ("axk2 deepseek_v32 deepseek_v4 glm_moe_dsa hy_v4 inkling2_text inkling_text rwkv "),
}
PATHS = {family: path for path, names in _BY_PATH.items() for family in names.split()}
_BY_REASON = {
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
    "no tiny config of it builds": (
        "bailing_hybrid cohere_compass_text cpmant dbrx dots3_note_text kimi_linear "
        "qwen4_exp_text zamba "
    ),
}
SKIPPED = {family: why for why, names in _BY_REASON.items() for family in names.split()}


def build(family: str, seed: int = 0) -> Any:
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
    config = AutoConfig.for_model(family, **(sizes | OVERRIDES.get(family, {})))
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
