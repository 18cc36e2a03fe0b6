"""DPO as TRL trains it, from the plain adapter's first state."""

import tempfile

import torch
from datasets import Dataset
from peft import set_peft_model_state_dict
from safetensors.torch import load_file
from trl import DPOConfig, DPOTrainer

import adapters
import models
import tokenizer as tokens

STEPS, BETA = 20, 0.1
PAIRS = [
    ("How deep is the lake?", "Forty feet.", "I would not know that."),
    ("Is the water cold?", "Yes, at this time.", "No."),
    ("May I swim?", "Only near the shore.", "Do what you like, and see."),
    ("Who lives there?", "An old man.", "The other people."),
    ("When does the boat leave?", "At nine.", "When it leaves, it leaves."),
    ("Good night!", "Good night, and thanks.", "What?"),
]


class Recorder(DPOTrainer):
    """Keeps what each step was given and came to, in full precision."""

    def __init__(self, *given, **settings):
        self.batches, self.losses = [], []
        super().__init__(*given, **settings)

    def compute_loss(self, model, inputs, *given, **settings):
        found = super().compute_loss(model, inputs, *given, **settings)
        self.batches.append({name: values.tolist() for name, values in inputs.items()})
        self.losses.append(found.item())
        return found


def write(folder, lora):
    folder.mkdir()
    model = models.load(lora / "base")
    initial = load_file(lora / "plain" / "initial" / "adapter_model.safetensors")
    pairs = [
        {"prompt": [user], "chosen": [chosen], "rejected": [rejected]}
        for (user, chosen), (_, rejected) in (
            (adapters.messages(q, good), adapters.messages(q, bad)) for q, good, bad in PAIRS
        )
    ]
    with tempfile.TemporaryDirectory() as scratch:
        settings = DPOConfig(
            output_dir=scratch, beta=BETA, max_steps=STEPS, per_device_train_batch_size=2,
            learning_rate=adapters.RATE, warmup_steps=adapters.WARM_UP, lr_scheduler_type="linear",
            max_grad_norm=adapters.CLIP, weight_decay=0.0, optim="adamw_torch", bf16=False,
            gradient_checkpointing=False, max_length=None, train_sampling_strategy="sequential",
            use_cpu=True, report_to="none", save_strategy="no", logging_steps=1,
            disable_tqdm=True, dataloader_pin_memory=False,
        )
        trainer = Recorder(
            model, args=settings, train_dataset=Dataset.from_list(pairs),
            processing_class=tokens.make(), peft_config=adapters.config(),
        )
        set_peft_model_state_dict(trainer.model, initial)
        trainer.train()
    logs = [log for log in trainer.state.log_history if "loss" in log]
    assert len(logs) == STEPS == len(trainer.losses)
    models.write_json(folder / "batches.json", {"pairs": pairs, "batches": trainer.batches})
    curve = {
        "loss": trainer.losses,
        "norm": [float(log["grad_norm"]) for log in logs],
        "rate": [log["learning_rate"] for log in logs],
    }
    models.write_json(folder / "curve.json", curve)
    trainer.model.eval()
    adapters.save(trainer.model, folder / "final")
    _, probe = models.question(tokens.make())
    models.write_floats(folder / "final" / "logits.f32", models.logits(trainer.model, probe))
