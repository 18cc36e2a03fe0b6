"""Writes what the tests need into the folder argv[1]: see README.md.

model.gguf is a tiny Llama with random weights over bytes, for the server.
"""

import pathlib
import sys

import gguf
import numpy as np

import blocks
import models

WIDTH, HEADS, FEED_FORWARD, CONTEXT = 32, 2, 64, 2048
BYTES = 3  # the token of the byte 0


def main(home):
    model = gguf.GGUFWriter(home / "model.gguf", "llama")
    model.add_context_length(CONTEXT)
    model.add_embedding_length(WIDTH)
    model.add_block_count(1)
    model.add_feed_forward_length(FEED_FORWARD)
    model.add_head_count(HEADS)
    model.add_head_count_kv(HEADS)
    model.add_rope_dimension_count(WIDTH // HEADS)
    model.add_layer_norm_rms_eps(1e-5)
    vocabulary = add_vocabulary(model)
    add_weights(model, vocabulary)
    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()
    blocks.write(home / "blocks")
    models.write(home / "models")


def add_vocabulary(model):
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [("\u2581", kinds.NORMAL)]  # a space
    assert tokens[BYTES][0] == "<0x00>"
    model.add_tokenizer_model("llama")
    model.add_token_list([text for text, _ in tokens])
    model.add_token_scores([0.0] * len(tokens))
    model.add_token_types([kind for _, kind in tokens])
    model.add_unk_token_id(0)
    model.add_bos_token_id(1)
    model.add_eos_token_id(2)
    model.add_vocab_size(len(tokens))
    return len(tokens)


def add_weights(model, vocabulary):
    random = np.random.default_rng(1)

    def add(name, *shape, zero=()):
        weights = random.standard_normal(shape) * 0.1
        weights[list(zero)] = 0
        model.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def add_norm(name):
        model.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    add("token_embd", vocabulary, WIDTH)
    # A logit of zero never is the greatest of so many random ones. So the answers neither end nor
    # have half characters in them.
    printable = range(BYTES + ord("!"), BYTES + ord("~") + 1)
    add("output", vocabulary, WIDTH, zero=set(range(vocabulary)) - set(printable))
    add_norm("output_norm")
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        add(f"blk.0.{name}", WIDTH, WIDTH)
    add("blk.0.ffn_gate", FEED_FORWARD, WIDTH)
    add("blk.0.ffn_up", FEED_FORWARD, WIDTH)
    add("blk.0.ffn_down", WIDTH, FEED_FORWARD)
    add_norm("blk.0.attn_norm")
    add_norm("blk.0.ffn_norm")


main(pathlib.Path(sys.argv[1]))
