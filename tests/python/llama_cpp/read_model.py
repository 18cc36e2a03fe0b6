"""Reads models with llama.cpp, and writes what it makes of a text and of tokens.

    read_model.py FOLDER...

In each folder, `model.gguf` is the model and `ask.json` has `text` and `tokens`; `tokens.json`
becomes the tokens of the text, `logits.f32` the logits after each of the tokens.
"""

import json
import sys
from pathlib import Path

import models

for folder in map(Path, sys.argv[1:]):
    ask = json.loads((folder / "ask.json").read_text())
    model = models.load(folder / "model.gguf")
    tokens = model.tokenize(ask["text"].encode(), add_bos=False, special=True)
    (folder / "tokens.json").write_text(json.dumps(tokens))
    models.logits(model, ask["tokens"]).tofile(folder / "logits.f32")
