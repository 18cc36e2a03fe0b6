"""A peer answers greedily: PEER MODEL PROMPT ANSWER COUNT THREADS, the first `llama.cpp` or `transformers`.

PROMPT and ANSWER are numbers of tokens. Each of the COUNT answers is to another prompt. Prints how
fast each was as JSON, in the fields of the engine's own program.
"""

import json
import os
import random
import string
import sys
import time

peer, path, prompt, answer, count, threads = sys.argv[1:]
prompt, answer, count = int(prompt), int(answer), int(count)
os.environ |= {"OMP_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

CAPITALS = string.ascii_uppercase


def main():
    begun = time.perf_counter()
    run = {"llama.cpp": llama_cpp, "transformers": transformers}[peer]()
    answers, first = [], None
    for nth in range(count):
        start, read, end = run(texts(nth))
        first = first or read - begun
        answers.append({
            "prompt_tokens_per_s": prompt / (read - start),
            "answer_tokens_per_s": (answer - 1) / (end - read),
        })
    print(json.dumps({"first_token_s": first, "answers": answers}))


def texts(nth):
    """Letters, each a token, with which and the template's three the prompt is as long as asked."""
    return "".join(random.Random(nth).choices(CAPITALS, k=prompt - 3))


def llama_cpp():
    import llama_cpp
    from llama_cpp import Llama

    model = Llama(
        path, n_ctx=2048, n_batch=2048, n_ubatch=512, n_threads=int(threads),
        n_threads_batch=int(threads), verbose=False,
    )
    vocabulary, context = model.n_vocab(), model.ctx

    def likeliest():
        import numpy as np
        logits = llama_cpp.llama_get_logits_ith(context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(vocabulary,)).argmax())

    def decode(ids):
        array = (llama_cpp.llama_token * len(ids))(*ids)
        code = llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(ids)))
        assert code == 0, f"llama_decode says {code}"
        return likeliest()

    def run(text):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        asked = f"<|user|>{text}<|end|><|assistant|>"
        ids = model.tokenize(asked.encode(), add_bos=False, special=True)
        assert len(ids) == prompt, len(ids)
        start = time.perf_counter()
        token = decode(ids)
        read = time.perf_counter()
        for _ in range(answer - 1):
            token = decode([token])
        return start, read, time.perf_counter()

    return run


def transformers():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

    # There is no CUDA to ask, and in an environment without its libraries asking is the end.
    torch.cuda.is_current_stream_capturing = lambda: False
    torch.set_num_threads(int(threads))
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype="auto").eval()

    @torch.inference_mode()
    def run(text):
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer.encode(asked, add_special_tokens=False, return_tensors="pt")
        assert ids.shape[1] == prompt, ids.shape
        cache = DynamicCache(config=model.config)
        start = time.perf_counter()
        logits = model(ids, past_key_values=cache, logits_to_keep=1).logits
        token = logits[0, -1].argmax().view(1, 1)
        read = time.perf_counter()
        for _ in range(answer - 1):
            token = model(token, past_key_values=cache).logits[0, -1].argmax().view(1, 1)
        return start, read, time.perf_counter()

    return run


main()
