"""The tokenizer of all models: byte-level BPE with 300 tokens."""

import json

from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers import models as kinds
from transformers import PreTrainedTokenizerFast

VOCABULARY = 300
END = "<|end|>"  # also pads
SPECIAL = [END, "<|system|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# What the merges are counted from.
CORPUS = [
    "The lake is deep and the water is cold, so the children stay on the shore.",
    "What is the best time to see the northern lights? In the long winter nights.",
    "She said that there were three boats at the other end of the bay.",
    "Then the rain came, and nothing could be seen of the hills and the houses.",
]


def make():
    tokenizer = Tokenizer(kinds.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, min_frequency=1, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=END, chat_template=TEMPLATE
    )


def save(tokenizer, folder):
    """Writes it as folders on the hub have it, the template in `tokenizer_config.json`."""
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "chat_template": TEMPLATE, "clean_up_tokenization_spaces": False, "eos_token": END,
        "pad_token": END, "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def quiet(tokenizer):
    """The tokens that a random model should not say: those that are not printable ASCII."""
    texts = tokenizer.convert_ids_to_tokens(range(VOCABULARY))
    loud = {t for t in texts if t not in SPECIAL and all("!" <= c <= "~" or c == "Ġ" for c in t)}
    return [at for at, text in enumerate(texts) if text not in loud]
