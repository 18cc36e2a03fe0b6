"""Tiny models in GGUF, and what llama.cpp makes of them; README.md says what each file is."""

import json

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants
from llama_cpp import Llama

import vocabularies

SHAPE = dict(hidden=64, inner=96, layers=2, heads=4, keys=2, context=256)
WIDE = SHAPE | dict(hidden=256, inner=512, heads=8, keys=4)
MODELS = {
    "llama-f32": ("llama", "smollm", SHAPE, Type.F32),
    "llama-f16": ("llama", "llama-bpe", SHAPE, Type.F16),
    "llama-bf16": ("llama", "sentence-piece", SHAPE, Type.BF16),
    "qwen2-q8_0": ("qwen2", "qwen2", SHAPE, Type.Q8_0),
    "qwen3-q4_0": ("qwen3", "qwen2", SHAPE, Type.Q4_0),
    "llama-q4_1": ("llama", "gpt-2", SHAPE, Type.Q4_1),
    "llama-q5_0": ("llama", "tekken", SHAPE, Type.Q5_0),
    "llama-q5_1": ("llama", "gpt-2", SHAPE, Type.Q5_1),
    "llama-q4_k": ("llama", "smollm", WIDE, Type.Q4_K),
    "qwen2-q5_k": ("qwen2", "qwen2", WIDE, Type.Q5_K),
    "llama-q6_k": ("llama", "llama-bpe", WIDE, Type.Q6_K),
}
STRETCHED = {"llama-f16"}
TIED = {"llama-f32", "qwen3-q4_0", "llama-q4_k"}
MESSAGES = [{"role": "user", "content": "It's 2024: what is\tthe  best time to see the Äpfel 🍎?\n"}]
ROWS = 24
# What numpy's quantisers do not make; any bytes are blocks of these.
RANDOM = {Type.Q4_K: (144, [0, 2]), Type.Q5_K: (176, [0, 2]), Type.Q6_K: (210, [208])}


def write(folder):
    folder.mkdir()
    for seed, (name, (architecture, cut, shape, kind)) in enumerate(MODELS.items()):
        random = np.random.default_rng(seed)
        vocabulary = vocabularies.make(cut)
        tensors = list(weights(random, architecture, shape, kind, len(vocabulary["tokens"]), name))
        path = folder / f"{name}.gguf"
        save(path, architecture, shape, vocabulary, tensors)
        # The same numbers, each an f32: what there is to compute, without errors on the way.
        plain = folder / "plain.gguf"
        save(plain, architecture, shape, vocabulary, [(n, Type.F32, v, v) for n, _, _, v in tensors])
        text = "".join(f"<|{m['role']}|>{m['content']}<|end|>" for m in MESSAGES) + "<|assistant|>"
        model = load(path)
        ids = model.tokenize(text.encode(), add_bos=False, special=True)
        # Enough to see that places far apart are told apart.
        more = random.integers(0, len(vocabulary["tokens"]), ROWS).tolist()
        expected = {"messages": MESSAGES, "text": text, "prompt": ids, "more": more}
        (folder / f"{name}.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
        logits(model, ids + more).tofile(folder / f"{name}.f32")
        logits(load(plain), ids + more).tofile(folder / f"{name}.plain.f32")
        plain.unlink()


def load(path):
    return Llama(str(path), n_ctx=256, n_threads=1, n_threads_batch=1, logits_all=True,
                 type_k=0, type_v=0, verbose=False)


def logits(model, ids):
    model.reset()
    model.eval(ids)
    return np.array(model.scores[:len(ids)], dtype="<f4")


def weights(random, architecture, shape, kind, vocabulary, name):
    """For each tensor its name, its type, its bytes or numbers, and the numbers that those stand for."""
    hidden, inner, keys = shape["hidden"], shape["inner"], shape["keys"]
    dim = hidden // shape["heads"]

    def matrix(tensor, rows, cols):
        values = (random.standard_normal((rows, cols)) * 0.2).astype(np.float32)
        if kind == Type.F32:
            return tensor, kind, values, values
        blocks = random_blocks(random, rows, cols, kind) if kind in RANDOM else quants.quantize(values, kind)
        return tensor, kind, blocks, quants.dequantize(blocks, kind)

    def vector(tensor, count, mean=0.0):
        values = (mean + random.standard_normal(count) * 0.2).astype(np.float32)
        return tensor, Type.F32, values, values

    yield matrix("token_embd.weight", vocabulary, hidden)
    if name not in TIED:
        yield matrix("output.weight", vocabulary, hidden)
    yield vector("output_norm.weight", hidden, 1.0)
    if name in STRETCHED:
        factors = np.linspace(1, 8, dim // 2).astype(np.float32)
        yield "rope_freqs.weight", Type.F32, factors, factors
    for layer in range(shape["layers"]):
        here = f"blk.{layer}."
        yield vector(here + "attn_norm.weight", hidden, 1.0)
        for part, rows in (("q", hidden), ("k", keys * dim), ("v", keys * dim)):
            yield matrix(f"{here}attn_{part}.weight", rows, hidden)
            if architecture == "qwen2":
                yield vector(f"{here}attn_{part}.bias", rows)
        if architecture == "qwen3":
            yield vector(here + "attn_q_norm.weight", dim, 1.0)
            yield vector(here + "attn_k_norm.weight", dim, 1.0)
        yield matrix(here + "attn_output.weight", hidden, hidden)
        yield vector(here + "ffn_norm.weight", hidden, 1.0)
        yield matrix(here + "ffn_gate.weight", inner, hidden)
        yield matrix(here + "ffn_up.weight", inner, hidden)
        yield matrix(here + "ffn_down.weight", hidden, inner)


def random_blocks(random, rows, cols, kind):
    size, scales = RANDOM[kind]
    blocks = random.integers(0, 256, (rows * cols // 256, size), dtype=np.uint8)
    for at, scale in zip(scales, (5e-4, 4e-3) if len(scales) == 2 else (1e-4,)):
        half = random.uniform(0.5 * scale, scale, len(blocks)).astype(np.float16)
        blocks[:, at:at + 2] = half.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def save(path, architecture, shape, vocabulary, tensors):
    model = gguf.GGUFWriter(path, architecture)
    dim = shape["hidden"] // shape["heads"]
    model.add_context_length(shape["context"])
    model.add_embedding_length(shape["hidden"])
    model.add_block_count(shape["layers"])
    model.add_feed_forward_length(shape["inner"])
    model.add_head_count(shape["heads"])
    model.add_head_count_kv(shape["keys"])
    model.add_key_length(dim)
    model.add_value_length(dim)
    model.add_rope_dimension_count(dim)
    model.add_rope_freq_base(100_000.0)
    model.add_layer_norm_rms_eps(1e-5)
    vocabularies.add(model, vocabulary)
    for name, kind, data, _ in tensors:
        model.add_tensor(name, data, raw_dtype=kind)
    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()
