"""Renders the templates of this folder with `transformers`, for tests/templates.rs to compare.

    pip install transformers==5.23.0 jinja2==3.1.6
    python make.py

Writes NAME.json beside each NAME.jinja, with what becomes of each conversation in
conversations.json, and what becomes of each small template in features.json beside it: the
`text`, the words with which the template `refused`, or the type of an `error`.
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from transformers.utils import chat_template_utils

HERE = Path(__file__).parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


class Then(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 9, 5, 3)


def render(source, ask):
    try:
        texts, _ = chat_template_utils.render_jinja_template(
            conversations=[ask["messages"]],
            tools=ask.get("tools"),
            chat_template=source,
            add_generation_prompt=ask.get("add_generation_prompt", False),
            **TOKENS,
            **ask.get("variables", {}),
        )
        return {"text": texts[0]}
    except Exception as error:
        # The plain type is what `raise_exception` raises.
        refused = type(error) is jinja2.exceptions.TemplateError
        return {"refused": str(error)} if refused else {"error": type(error).__name__}


def write(path, made):
    path.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


chat_template_utils.datetime = Then
conversations = read(HERE / "conversations.json")
for template in sorted(HERE.glob("*.jinja")):
    source = template.read_text(encoding="utf-8")
    made = {name: render(source, ask) for name, ask in conversations.items()}
    write(template.with_suffix(".json"), made)

features = read(HERE / "features.json")
for name, feature in features["features"].items():
    source = feature["template"]
    made = render(source, {"messages": features["messages"], "variables": features["variables"]})
    features["features"][name] = {"template": source, **made}
write(HERE / "features.json", features)
