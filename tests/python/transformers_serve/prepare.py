"""Makes `transformers serve` ready in the environment that runs this; argv[1] is a folder to write to.

It lets PyTorch start without NVIDIA's packages, and puts a tiny Llama with random weights where
the server looks for downloaded models, as attune/tiny.
"""

import pathlib
import sys

import without_cuda

REVISION = "0" * 40


def main(home):
    without_cuda.write_stand_ins()
    model = home / "hub" / "models--attune--tiny"
    snapshot = model / "snapshots" / REVISION
    for folder in (snapshot, model / "refs", model / "blobs"):
        folder.mkdir(parents=True)
    (model / "refs" / "main").write_text(REVISION)
    save_model(snapshot)


def save_model(folder):
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<s>", "</s>"]
    vocabulary = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={t: at for at, t in enumerate(vocabulary)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "
    )
    tokenizer.save_pretrained(folder)

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=2048, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    )
    model = LlamaForCausalLM(config)
    # A logit of zero never is the greatest of so many random ones. So the answers neither end nor
    # have half characters in them.
    for token, text in enumerate(vocabulary):
        if not (len(text) == 1 and "!" <= text <= "~"):
            model.lm_head.weight.data[token] = 0
    model.save_pretrained(folder)


main(pathlib.Path(sys.argv[1]))
