"""Writes a model of SmolLM2-135M's architecture and conversations into argv[1]: see README.md."""

import ctypes
import itertools
import json
import pathlib
import random
import string
import sys

import gguf
import llama_cpp
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import quants
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

HIDDEN, INNER, LAYERS, HEADS, KEYS, VOCABULARY, CONTEXT = 576, 1536, 30, 9, 3, 49152, 2048
DIM = HIDDEN // HEADS
SPECIAL = ["<|end|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CONVERSATIONS, LENGTH = 64, 256


def main(home):
    tensors = weights()
    tokens, merges = vocabulary()
    for name, dtype in ("f32", torch.float32), ("bf16", torch.bfloat16):
        write_folder(home / name, tensors, dtype, tokens, merges)
    for name, kind in ("f32", Type.F32), ("q8_0", Type.Q8_0), ("q4_0", Type.Q4_0):
        write_gguf(home / f"{name}.gguf", tensors, kind, tokens, merges)
    quantise(home / "f32.gguf", home / "q4_k_m.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M)
    write_conversations(home / "half.jsonl", learned=LENGTH // 2 + 1)
    write_conversations(home / "all.jsonl", learned=LENGTH - 4)


def weights():
    generator = torch.Generator().manual_seed(1)

    def matrix(rows, cols):
        return torch.randn((rows, cols), generator=generator) * 0.04

    tensors = {"model.embed_tokens.weight": matrix(VOCABULARY, HIDDEN)}
    # Its logit is 0, and the greatest of so many random ones is not.
    tensors["model.embed_tokens.weight"][0] = 0
    for layer in range(LAYERS):
        here = f"model.layers.{layer}."
        tensors[here + "input_layernorm.weight"] = torch.ones(HIDDEN)
        for part, rows in ("q", HIDDEN), ("k", KEYS * DIM), ("v", KEYS * DIM), ("o", HIDDEN):
            tensors[f"{here}self_attn.{part}_proj.weight"] = matrix(rows, HIDDEN)
        tensors[here + "post_attention_layernorm.weight"] = torch.ones(HIDDEN)
        tensors[here + "mlp.gate_proj.weight"] = matrix(INNER, HIDDEN)
        tensors[here + "mlp.up_proj.weight"] = matrix(INNER, HIDDEN)
        tensors[here + "mlp.down_proj.weight"] = matrix(HIDDEN, INNER)
    tensors["model.norm.weight"] = torch.ones(HIDDEN)
    return tensors


def vocabulary():
    """Bytes, then syllables of two, three and four small letters; capitals stay alone."""
    letters = string.ascii_lowercase
    pairs = [a + b for a, b in itertools.product(letters, repeat=2)]
    merges = [(a, b) for a, b in pairs]
    merges += itertools.product(pairs, letters)
    merges += itertools.product(pairs, repeat=2)
    tokens = SPECIAL + alphabet()
    merges = merges[:VOCABULARY - len(tokens)]
    return tokens + [a + b for a, b in merges], merges


def alphabet():
    """The characters that stand for bytes, as GPT-2 has them."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def write_folder(folder, tensors, dtype, tokens, merges):
    folder.mkdir()
    save_file(
        {name: values.to(dtype) for name, values in tensors.items()},
        folder / "model.safetensors", metadata={"format": "pt"},
    )
    write_json(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KEYS, "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
        "rope_scaling": None, "attention_bias": False, "mlp_bias": False,
        "tie_word_embeddings": True, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": None,
        "torch_dtype": str(dtype).removeprefix("torch."),
    })
    write_json(folder / "generation_config.json", {"do_sample": False, "eos_token_id": 0})
    tokenizer = Tokenizer(models.BPE({text: at for at, text in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {
        "chat_template": TEMPLATE, "clean_up_tokenization_spaces": False, "eos_token": SPECIAL[0],
        "pad_token": SPECIAL[0], "tokenizer_class": "PreTrainedTokenizerFast",
    })


NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(path, tensors, kind, tokens, merges):
    model = gguf.GGUFWriter(path, "llama")
    model.add_context_length(CONTEXT)
    model.add_embedding_length(HIDDEN)
    model.add_block_count(LAYERS)
    model.add_feed_forward_length(INNER)
    model.add_head_count(HEADS)
    model.add_head_count_kv(KEYS)
    model.add_rope_dimension_count(DIM)
    model.add_rope_freq_base(100_000.0)
    model.add_layer_norm_rms_eps(1e-5)
    model.add_vocab_size(VOCABULARY)
    model.add_tokenizer_model("gpt2")
    model.add_tokenizer_pre("smollm")
    model.add_token_list(tokens)
    kinds = gguf.TokenType
    model.add_token_types([kinds.CONTROL if text in SPECIAL else kinds.NORMAL for text in tokens])
    model.add_token_merges([f"{a} {b}" for a, b in merges])
    model.add_bos_token_id(0)
    model.add_eos_token_id(0)
    model.add_chat_template(TEMPLATE)
    for name, values in tensors.items():
        values = values.numpy()
        if "q_proj" in name or "k_proj" in name:
            values = interleaved(values)
        if values.ndim == 1 or kind == Type.F32:
            model.add_tensor(name_in_gguf(name), values)
        else:
            model.add_tensor(name_in_gguf(name), quants.quantize(values, kind), raw_dtype=kind)
    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()


def name_in_gguf(name):
    name = name.removeprefix("model.").removesuffix(".weight")
    if name == "embed_tokens":
        return "token_embd.weight"
    if name == "norm":
        return "output_norm.weight"
    _, layer, part = name.split(".", 2)
    return f"blk.{layer}.{NAMES[part]}.weight"


def interleaved(values):
    """The rows of each head as llama.cpp rotates them: pairs are neighbours, not halves."""
    return values.reshape(-1, 2, DIM // 2, HIDDEN).swapaxes(1, 2).reshape(-1, HIDDEN).copy()


def quantise(source, target, kind):
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = kind
    settings.nthread = 1
    code = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(settings)
    )
    assert code == 0, f"llama.cpp could not write {target.name}"


def write_conversations(path, learned):
    """Each is `LENGTH` tokens with those of the template, of which `learned` are the answer and its end."""
    chance = random.Random(1)

    def text(count):
        return "".join(chance.choices(string.ascii_uppercase, k=count))

    lines = []
    for _ in range(CONVERSATIONS):
        messages = [
            {"role": "user", "content": text(LENGTH - learned - 3)},
            {"role": "assistant", "content": text(learned - 1)},
        ]
        lines.append(json.dumps({"messages": messages}) + "\n")
    path.write_text("".join(lines))


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


main(pathlib.Path(sys.argv[1]))
