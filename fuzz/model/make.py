"""Makes the small model that the targets of `local-engine` begin with, and their seeds.

It needs `gguf`, `numpy` and `safetensors`.
"""

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
SEEDS = HERE.parent / "seeds"
TINY = HERE.parents[1] / "crates/local-engine/attune-tiny"
VOCABULARY, HIDDEN = 260, 4

tokenizer = json.loads((TINY / "tokenizer.json").read_text())
# The control tokens and the single bytes, which need no merges.
vocabulary = {text: id for text, id in tokenizer["model"]["vocab"].items() if id < VOCABULARY}
tokenizer["model"]["vocab"], tokenizer["model"]["merges"] = vocabulary, []

config = json.loads((TINY / "config.json").read_text())
config |= dict(
    hidden_size=HIDDEN, intermediate_size=HIDDEN, num_hidden_layers=1, num_attention_heads=1,
    num_key_value_heads=1, head_dim=HIDDEN, vocab_size=VOCABULARY, max_position_embeddings=256,
)
tokenizer_config = json.loads((TINY / "tokenizer_config.json").read_text())

random = np.random.default_rng(1)
square = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
          "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
layer = "model.layers.0."
shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,)}
shapes |= {f"{layer}{name}.weight": (HIDDEN, HIDDEN) for name in square}
shapes |= {f"{layer}{name}.weight": (HIDDEN,)
           for name in ("input_layernorm", "post_attention_layernorm")}
tensors = {name: random.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()}

def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")

write_json("config.json", config)
write_json("tokenizer.json", tokenizer)
write_json("tokenizer_config.json", tokenizer_config)
save_file(tensors, HERE / "model.safetensors", metadata={"format": "pt"})

for folder, name in (("safetensors", "model.safetensors"), ("tokenizer", "tokenizer.json")):
    (SEEDS / folder).mkdir(exist_ok=True)
    (SEEDS / folder / "model").write_bytes((HERE / name).read_bytes())
(SEEDS / "safetensors" / "empty").write_bytes((2).to_bytes(8, "little") + b"{}")

(SEEDS / "gguf").mkdir(exist_ok=True)
writer = gguf.GGUFWriter(SEEDS / "gguf" / "model", "llama")
writer.add_context_length(256)
writer.add_embedding_length(HIDDEN)
writer.add_block_count(1)
writer.add_feed_forward_length(HIDDEN)
writer.add_head_count(1)
writer.add_head_count_kv(1)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(HIDDEN)
writer.add_vocab_size(VOCABULARY)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("gpt-2")
writer.add_token_list(sorted(vocabulary, key=vocabulary.get))
writer.add_token_types([3] * 4 + [1] * (VOCABULARY - 4))
writer.add_token_merges([])
writer.add_eos_token_id(0)
writer.add_chat_template(tokenizer_config["chat_template"])
names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm",
         "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
         "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down"}
for name, values in tensors.items():
    stem = name.removesuffix(".weight")
    place = "blk.0." + names[stem.removeprefix(layer)] if stem.startswith(layer) else names[stem]
    is_norm = values.ndim == 1
    writer.add_tensor(place + ".weight", values.astype(np.float32) if is_norm else values)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
