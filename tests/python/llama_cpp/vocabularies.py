"""Small vocabularies of both kinds that GGUF knows."""

import gguf

SPECIAL = ["<|end|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
MERGES = [
    "t h", "th e", "Ġ the", "Ġ t", "i m", "im e", "Ġ b", "Ġb e", "s t", "Ġbe st", "e e", "Ġ s", "i s",
    "Ġ is", "2 0", "20 2", "202 4", "2 4", "' s", "Ċ Ċ", "Ġ Ġ", "a t", "w h", "wh at", "Ġ what", "Ġt ime",
]
PIECES = ["the", "▁the", "ti", "me", "time", "▁time", "be", "st", "best", "▁best", "is", "▁is", "▁w", "hat", "▁what"]


def make(cut):
    """A vocabulary of bytes and a few words, whose way to cut text is that of this name."""
    return sentence_piece() if cut == "sentence-piece" else byte_level(cut)


def byte_level(cut):
    tokens = alphabet() + [merge.replace(" ", "") for merge in MERGES]
    kinds = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * len(SPECIAL)
    return {"model": "gpt2", "pre": cut, "tokens": tokens + SPECIAL, "kinds": kinds, "merges": MERGES}


def alphabet():
    """The characters that stand for the bytes 0 to 255 in GPT-2."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte if byte in plain else 256 + others.index(byte)) for byte in range(256)]


def sentence_piece():
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN, 0.0), ("<s>", kinds.CONTROL, 0.0)]
    tokens += [(text, kinds.CONTROL, 0.0) for text in SPECIAL]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE, 0.0) for byte in range(256)]
    letters = sorted({c for piece in PIECES for c in piece} | set("abcdefghijklmnopqrstuvwxyzI':?024"))
    words = PIECES + letters
    tokens += [(word, kinds.NORMAL, -float(rank)) for rank, word in enumerate(words)]
    texts, types, scores = zip(*tokens)
    return {"model": "llama", "tokens": list(texts), "kinds": list(types), "scores": list(scores)}


def add(model, vocabulary):
    tokens = vocabulary["tokens"]
    model.add_tokenizer_model(vocabulary["model"])
    model.add_token_list(tokens)
    model.add_token_types(vocabulary["kinds"])
    if "merges" in vocabulary:
        model.add_tokenizer_pre(vocabulary["pre"])
        model.add_token_merges(vocabulary["merges"])
    else:
        model.add_token_scores(vocabulary["scores"])
        model.add_unk_token_id(tokens.index("<unk>"))
    model.add_bos_token_id(tokens.index(SPECIAL[0]))
    model.add_eos_token_id(tokens.index(SPECIAL[0]))
    model.add_chat_template(TEMPLATE)
    model.add_vocab_size(len(tokens))
