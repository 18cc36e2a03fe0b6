"""PyTorch and PEFT train an adapter: FOLDER DATA STEPS THREADS KIND, the last `f32` or `bf16`.

Prints what it cost as JSON, in the fields of the engine's own program. The first step, in which
memory is got and kernels are chosen, is not counted.
"""

import json
import os
import resource
import sys
import time

folder, data, steps, threads, kind = sys.argv[1:]
os.environ |= {"OMP_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import torch  # noqa: E402: it reads the environment when it is loaded
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

# There is no CUDA to ask, and in an environment without its libraries asking is the end.
torch.cuda.is_current_stream_capturing = lambda: False

BATCH, RANK, RATE, CLIP = 2, 8, 2e-4, 1.0
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main():
    torch.set_num_threads(int(threads))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    settings = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules=MODULES, task_type="CAUSAL_LM"
    )
    model = get_peft_model(model, settings)
    model.train()
    learned = [values for values in model.parameters() if values.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.0)
    with open(data) as file:
        rows = [row(tokenizer, json.loads(line)["messages"]) for line in file]
    losses, tokens, start = [], 0, None
    for step in range(int(steps) + 1):
        chosen = [rows[(BATCH * step + at) % len(rows)] for at in range(BATCH)]
        ids = torch.tensor([ids for ids, _ in chosen])
        labels = torch.tensor([labels for _, labels in chosen])
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, CLIP)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step == 0:
            start = time.process_time_ns(), time.perf_counter_ns()
        else:
            tokens += ids.numel()
    cpu, wall = time.process_time_ns() - start[0], time.perf_counter_ns() - start[1]
    print(json.dumps({
        "cpu_ns_per_token": cpu / tokens,
        "wall_ns_per_token": wall / tokens,
        "tokens_per_step": tokens / int(steps),
        "first_loss": losses[0],
        "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }))


def row(tokenizer, messages):
    """The tokens, and as labels those of the answer with its end."""
    def encode(turns, **settings):
        text = tokenizer.apply_chat_template(turns, tokenize=False, **settings)
        return tokenizer.encode(text, add_special_tokens=False)

    ids, asked = encode(messages), encode(messages[:-1], add_generation_prompt=True)
    return ids, [-100] * len(asked) + ids[len(asked):]


main()
