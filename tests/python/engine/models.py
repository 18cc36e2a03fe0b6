"""Tiny models with random weights of the families that the engine knows, and what they answer."""

import json

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

import tokenizer as tokens

QUESTION = "What is the best time to see the northern lights?"
PROMPT = 24
ANSWER = 64
PENALTY = 1.3
# Sums are made in another order elsewhere, which no choice between two tokens may depend on.
LEAST_GAP = 1e-3

SHAPE = dict(
    vocab_size=tokens.VOCABULARY, hidden_size=64, intermediate_size=112, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5,
    tie_word_embeddings=False, bos_token_id=None, eos_token_id=0, pad_token_id=None,
)


def rope(theta, kind="default", **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **more}}


LLAMA_3 = rope(
    500_000.0, "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=64,
)
MODELS = {
    "llama2": LlamaConfig(**SHAPE, **rope(10_000.0)),
    "llama3": LlamaConfig(**SHAPE | {"num_hidden_layers": 3}, **LLAMA_3),
    "smollm2": LlamaConfig(**SHAPE | {"tie_word_embeddings": True}, **rope(100_000.0)),
    "qwen2": Qwen2Config(**SHAPE | {"tie_word_embeddings": True}, **rope(1e6)),
    "qwen2.5": Qwen2Config(**SHAPE | {"num_hidden_layers": 3, "rms_norm_eps": 1e-6}, **rope(1e6)),
    "qwen3": Qwen3Config(**SHAPE | {"tie_word_embeddings": True}, head_dim=32, **rope(1e6)),
    "mistral": MistralConfig(**SHAPE, sliding_window=8, **rope(10_000.0)),
}
SHARDED = {"llama3": "200KB"}
BF16 = {"qwen2.5"}
# Most folders on the hub have the older form of `config.json`.
VERSION_4 = {"llama2", "llama3", "smollm2"}


def write(folder):
    tokenizer = tokens.make()
    messages, prompt = question(tokenizer)
    for seed, (name, config) in enumerate(MODELS.items()):
        here = folder / name
        save(here, config, seed, tokenizer, dtype=torch.bfloat16 if name in BF16 else torch.float32,
             shard=SHARDED.get(name, "5GB"), version_4=name in VERSION_4)
        model = load(here)
        ids, scores, gap = answer(model, prompt)
        varied, _, varied_gap = answer(model, prompt, repetition_penalty=PENALTY)
        least = min(gap, varied_gap)
        assert least > LEAST_GAP, f"{name}: two tokens are within {least}; take another seed"
        assert varied != ids
        before = logits(model, prompt + ids[:-1])
        assert torch.allclose(before[PROMPT - 1:], scores, atol=1e-4), "the cache changes logits"
        expected = {
            "transformers": transformers.__version__, "messages": messages, "prompt": prompt,
            "greedy": ids, "text": tokenizer.decode(ids), "rows": len(before), "gap": gap,
            "penalised": {
                "repetition_penalty": PENALTY, "greedy": varied,
                "text": tokenizer.decode(varied), "gap": varied_gap,
            },
        }
        write_json(here / "expected.json", expected)
        write_floats(here / "logits.f32", before)


def question(tokenizer):
    """A question that is `PROMPT` tokens with all that the template adds."""
    for end in range(len(QUESTION)):
        messages = [{"role": "user", "content": QUESTION[:end]}]
        prompt = encode(tokenizer, messages, add_generation_prompt=True)
        if len(prompt) == PROMPT:
            return messages, prompt
    raise AssertionError(f"no part of the question is {PROMPT} tokens")


def encode(tokenizer, messages, **settings):
    text = tokenizer.apply_chat_template(messages, tokenize=False, **settings)
    return tokenizer.encode(text, add_special_tokens=False)


def save(folder, config, seed, tokenizer, dtype=torch.float32, shard="5GB", version_4=False,
         deviation=0.2, loudness=2.5):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    randomise(model, seed, deviation)
    head = model.get_output_embeddings().weight.data
    head *= loudness
    head[tokens.quiet(tokenizer)] *= 0.05
    model.generation_config = transformers.GenerationConfig(do_sample=False, eos_token_id=0)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    tokens.save(tokenizer, folder)
    if version_4:
        path = folder / "config.json"
        write_json(path, as_version_4(json.loads(path.read_text())))


def randomise(model, seed, deviation):
    """Sets every number, norms and biases too, so that leaving one out shows."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in sorted(model.named_parameters()):
        noise = torch.randn(values.shape, generator=generator)
        values.data = 1 + 0.2 * noise if "norm" in name else deviation * noise


def as_version_4(config):
    """What version 4 of transformers wrote of the same model."""
    parameters = config.pop("rope_parameters")
    config["rope_theta"] = parameters.pop("rope_theta")
    config["rope_scaling"] = None if parameters["rope_type"] == "default" else parameters
    config["torch_dtype"] = config.pop("dtype")
    return config


def load(folder):
    """The model in f32, whatever it is stored as."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


@torch.no_grad()
def answer(model, prompt, **settings):
    """The likeliest tokens, the scores that each was the greatest of, and the narrowest choice."""
    given = torch.tensor([prompt])
    made = model.generate(
        given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=ANSWER,
        pad_token_id=0, output_scores=True, return_dict_in_generate=True, **settings,
    )
    ids = made.sequences[0, len(prompt):].tolist()
    assert len(ids) == ANSWER, "the answer ends early; take another seed"
    scores = torch.cat(made.scores)
    best = scores.topk(2).values
    return ids, scores, (best[:, 0] - best[:, 1]).min().item()


@torch.no_grad()
def logits(model, ids):
    """Those after each token."""
    given = torch.tensor([ids])
    # Without the mask, transformers looks for sequences packed into one, and asks CUDA for that.
    return model(given, attention_mask=torch.ones_like(given)).logits[0]


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_floats(path, tensor):
    path.write_bytes(tensor.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes())
