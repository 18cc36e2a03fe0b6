"""Counts the tokens of the texts in the file argv[1] with tiktoken, on one thread.

Prints as one line of JSON how many there are in each encoding, and how much CPU time it took. The
vocabularies are in the folder beside the file. tests/python/tiktoken/README.md says what is in it.
"""

import json
import os
import pathlib
import struct
import sys
import time

path = pathlib.Path(sys.argv[1])
os.environ["TIKTOKEN_CACHE_DIR"] = str(path.parent / "vocabularies")

import tiktoken  # noqa: E402: it reads the environment


def texts():
    rest = memoryview(path.read_bytes())
    while rest:
        (length,) = struct.unpack_from("<I", rest)
        yield str(rest[12:12 + length], "utf-8")
        rest = rest[12 + length:]


def measure(name):
    encoding = tiktoken.get_encoding(name)
    encoding.encode_ordinary("The first text takes longer.")
    start = time.thread_time()
    tokens = sum(len(encoding.encode_ordinary(text)) for text in texts)
    return {"tokens": tokens, "seconds": time.thread_time() - start}


texts = list(texts())
print(json.dumps({name: measure(name) for name in ["o200k_base", "cl100k_base"]}))
