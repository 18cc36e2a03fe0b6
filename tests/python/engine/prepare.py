"""Writes tiny models and what transformers, PEFT and TRL make of them; argv[1] is the folder.

README.md says what each file is. The same packages on the same processor write the same bytes.
"""

import os
import pathlib
import sys

os.environ |= {
    "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false", "TRL_EXPERIMENTAL_SILENCE": "1",
}

import torch  # noqa: E402: it reads the environment when it is loaded

import adapters  # noqa: E402
import models  # noqa: E402
import preferences  # noqa: E402


def main(folder):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    models.write(folder / "models")
    adapters.write(folder / "lora")
    preferences.write(folder / "dpo", folder / "lora")


main(pathlib.Path(sys.argv[1]))
