"""Writes texts and how many tokens tiktoken finds in them; argv[1] is the folder. See README.md."""

import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

import documents

ENCODINGS = ["o200k_base", "cl100k_base"]


def main(home):
    fill_cache(home / "vocabularies")
    import tiktoken.model  # it reads the environment when it loads a vocabulary

    encodings = [tiktoken.get_encoding(name) for name in ENCODINGS]
    for name, texts in [
        ("documents", documents.documents(200_000)),
        ("adversarial", documents.adversarial(20_000)),
        ("characters", documents.characters()),
        ("library", documents.library()),
        ("runs", documents.long_runs()),
    ]:
        with open(home / f"{name}.bin", "wb") as file:
            for text in texts:
                data = text.encode()
                counts = [len(encoding.encode_ordinary(text)) for encoding in encodings]
                file.write(struct.pack("<III", len(data), *counts) + data)
    models = dict(tiktoken.model.MODEL_TO_ENCODING)
    for prefix, name in tiktoken.model.MODEL_PREFIX_TO_ENCODING.items():
        # One name that begins so stands for all that do.
        models[prefix + (":acme::id" if prefix.startswith("ft:") else "2030-01-01")] = name
    (home / "models.json").write_text(json.dumps(models, indent=1))


def fill_cache(cache):
    """Gives tiktoken the vocabularies of the crates, which it compares with its own hashes."""
    cache.mkdir()
    os.environ["TIKTOKEN_CACHE_DIR"] = str(cache)
    root = pathlib.Path(__file__).resolve().parents[3]
    cargo = os.environ.get("CARGO", "cargo")
    metadata = [cargo, "metadata", "--format-version=1", "--locked", "--all-features"]
    described = subprocess.run(metadata, cwd=root, check=True, capture_output=True)
    folders = {it["name"]: pathlib.Path(it["manifest_path"]).parent
               for it in json.loads(described.stdout)["packages"]}
    for name in ENCODINGS:
        crate = folders["splintr-vocab-" + name.removesuffix("_base")]
        url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
        shutil.copyfile(crate / f"vocabs/{name}.tiktoken", cache / hashlib.sha1(url.encode()).hexdigest())


main(pathlib.Path(sys.argv[1]))
