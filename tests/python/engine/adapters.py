"""LoRA as PEFT trains it: plain, rank-stabilised and weight-decomposed."""

import json

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import Qwen2Config, get_linear_schedule_with_warmup

import models
import tokenizer as tokens

RANK, ALPHA = 4, 8
BATCH = 2
RATE, WARM_UP, CLIP = 1e-3, 5, 1.0
KINDS = {
    "plain": (50, {}),
    "rslora": (10, {"use_rslora": True}),
    "dora": (10, {"use_dora": True}),
}
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Long and short ones are in one batch, so that there is something to pad.
CHATS = [
    ("How deep is the lake?", "It is forty feet deep."),
    ("Who lives there?", "An old man, his two dogs and, in the summer, the children."),
    ("Is the water cold?", "Yes."),
    ("When does the boat leave?", "At nine in the morning."),
    ("What is on the other shore?", "Houses, and then the hills."),
    ("May I swim?", "Only near the shore."),
    ("Why is the bay empty?", "The ice came before the boats were home."),
    ("Say it again.", "The ice came."),
    ("Where are the northern lights?", "Above the hills."),
    ("Good night!", "Good night, and thanks."),
]


def config(**settings):
    return LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=MODULES, bias="none",
        task_type="CAUSAL_LM", **settings,
    )


def write(folder):
    tokenizer = tokens.make()
    _, probe = models.question(tokenizer)
    # Biases are there, and the network is calm: in a wild one every difference grows.
    shape = Qwen2Config(**models.SHAPE, **models.rope(10_000.0))
    base = folder / "base"
    models.save(base, shape, 100, tokenizer, deviation=0.06, loudness=1.0)
    batches = [batch(tokenizer, CHATS[at:at + BATCH]) for at in range(0, len(CHATS), BATCH)]
    models.write_json(folder / "batches.json", {"batches": batches, "probe": probe})
    models.write_floats(folder / "logits.f32", models.logits(models.load(base), probe))
    for kind, (steps, settings) in KINDS.items():
        train(folder / kind, models.load(base), settings, batches, steps, probe)


def batch(tokenizer, chats):
    rows = [row(tokenizer, *chat) for chat in chats]
    longest = max(len(ids) for ids, _ in rows)
    def padded(values, with_what):
        return values + [with_what] * (longest - len(values))
    return {
        "input_ids": [padded(ids, 0) for ids, _ in rows],
        "attention_mask": [padded([1] * len(ids), 0) for ids, _ in rows],
        "labels": [padded(labels, -100) for _, labels in rows],
        "messages": [messages(*chat) for chat in chats],
    }


def row(tokenizer, question, answer):
    """The tokens of a chat, and those of its answer, with its end, as labels."""
    turns = messages(question, answer)
    ids = models.encode(tokenizer, turns)
    asked = models.encode(tokenizer, turns[:1], add_generation_prompt=True)
    assert ids[:len(asked)] == asked
    return ids, [-100] * len(asked) + ids[len(asked):]


def messages(question, answer):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def train(folder, base, settings, batches, steps, probe):
    model = get_peft_model(base, config(**settings))
    set_adapter(model, seed=200)
    save(model, folder / "initial")
    models.write_floats(folder / "initial" / "logits.f32", models.logits(model, probe))

    named = trainable(model)
    optimizer = torch.optim.AdamW(named.values(), lr=RATE, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, WARM_UP, steps)
    model.train()
    curve = {"loss": [], "norm": [], "rate": []}
    for step in range(steps):
        data = batches[step % len(batches)]
        data = {k: torch.tensor(data[k]) for k in ("input_ids", "attention_mask", "labels")}
        loss = model(**data).loss
        loss.backward()
        if step == 0:
            gradients = {short(name): value.grad.clone() for name, value in named.items()}
            save_file(gradients, folder / "gradients.safetensors")
        norm = torch.nn.utils.clip_grad_norm_(named.values(), CLIP)
        curve["loss"].append(loss.item())
        curve["norm"].append(norm.item())
        curve["rate"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    models.write_json(folder / "curve.json", curve)

    model.eval()
    save(model, folder / "final")
    found = models.logits(model, probe)
    models.write_floats(folder / "final" / "logits.f32", found)
    read_again = PeftModel.from_pretrained(models.load(folder.parent / "base"), folder / "final")
    assert torch.equal(found, models.logits(read_again.eval(), probe)), "saving changes the adapter"


def set_adapter(model, seed):
    """Random numbers, B's too: with B = 0 the adapter would do nothing at first."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in sorted(trainable(model).items()):
        if "magnitude" in name:
            continue  # the norms of the base's rows
        noise = torch.randn(values.shape, generator=generator)
        values.data = noise * (0.1 if "lora_A" in name else 0.02)


def trainable(model):
    return {name: values for name, values in model.named_parameters() if values.requires_grad}


def short(name):
    """What a file of PEFT calls the tensor: without the adapter's name."""
    is_vector = "magnitude" in name
    return name.replace(".default.weight" if is_vector else ".default", "")


def save(model, folder):
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    written = json.loads(path.read_text())
    # It was a set, in another order each time.
    models.write_json(path, written | {"target_modules": MODULES})
