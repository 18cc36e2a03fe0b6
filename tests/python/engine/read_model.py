"""Reads models with transformers, and writes what it makes of a conversation and of tokens.

    read_model.py FOLDER...

In each folder, `model` is the model and `ask.json` has `messages` and `tokens`; `tokens.json`
becomes the prompt that the messages are, `logits.f32` the logits after each of the tokens.
"""

import json
import sys
from pathlib import Path

from transformers import AutoTokenizer

import models

for folder in map(Path, sys.argv[1:]):
    ask = json.loads((folder / "ask.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    prompt = models.encode(tokenizer, ask["messages"], add_generation_prompt=True)
    models.write_json(folder / "tokens.json", prompt)
    model = models.load(folder / "model")
    models.write_floats(folder / "logits.f32", models.logits(model, ask["tokens"]))
