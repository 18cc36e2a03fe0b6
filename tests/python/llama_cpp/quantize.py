"""Writes the blocks that gguf-py makes of numbers.

    quantize.py FOLDER

`values.f32` in the folder becomes `Q8_0.bin` and `Q4_0.bin`.
"""

import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

folder = Path(sys.argv[1])
values = np.fromfile(folder / "values.f32", dtype="<f4").reshape(-1, 32)
for kind in Type.Q8_0, Type.Q4_0:
    quants.quantize(values, kind).tofile(folder / f"{kind.name}.bin")
