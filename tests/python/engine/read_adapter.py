"""Reads an adapter with PEFT, and writes what the base makes of the probe with it.

    read_adapter.py MADE FOLDER

`MADE` is what prepare.py wrote, `FOLDER` the adapter's; `logits.f32` goes beside it.
"""

import json
import sys
from pathlib import Path

from peft import PeftModel

import models

made, folder = map(Path, sys.argv[1:])
probe = json.loads((made / "lora" / "batches.json").read_text())["probe"]
model = PeftModel.from_pretrained(models.load(made / "lora" / "base"), folder)
models.write_floats(folder / "logits.f32", models.logits(model.eval(), probe))
