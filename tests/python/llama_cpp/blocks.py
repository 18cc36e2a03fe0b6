"""Random blocks of every quantised type, and the numbers that gguf-py says they stand for."""

import numpy as np
from gguf import GGML_QUANT_SIZES, quants
from gguf import GGMLQuantizationType as Type

# Where the scales of a block are, which must be numbers.
SCALES = {
    Type.Q8_0: [0], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}
BLOCKS = 64


def write(folder):
    folder.mkdir()
    for seed, (kind, scales) in enumerate(SCALES.items()):
        random = np.random.default_rng(seed)
        blocks = random.integers(0, 256, (BLOCKS, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        for at in scales:
            half = random.standard_normal(BLOCKS).astype(np.float16)
            blocks[:, at:at + 2] = half.view(np.uint8).reshape(-1, 2)
        blocks.tofile(folder / f"{kind.name}.bin")
        quants.dequantize(blocks, kind).astype("<f4").tofile(folder / f"{kind.name}.f32")
