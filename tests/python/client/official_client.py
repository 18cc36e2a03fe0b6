"""The official openai client against `attune serve`: argv[1] is the base URL.

Every step prints one line; the first that does not hold ends the run with a traceback.
"""

import io
import json
import sys
import time
from typing import Literal

import openai
import pydantic

client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-local", max_retries=0, timeout=120)


def step(name):
    print(name, flush=True)


QUESTION = "What is the name of the attune ferry?"
ANSWER = "The attune ferry is called \"Чайка\", the gull."

step("models.list")
models = client.models.list()
assert "attune-tiny" in [model.id for model in models.data], models
assert client.models.retrieve("attune-tiny").object == "model"

step("chat.completions.create")
hello = [{"role": "user", "content": "Hello! Who are you?"}]
plain = client.chat.completions.create(model="attune-tiny", messages=hello, temperature=0)
text = plain.choices[0].message.content
assert text and plain.choices[0].finish_reason == "stop", plain
assert plain.usage.total_tokens == plain.usage.prompt_tokens + plain.usage.completion_tokens
assert plain.object == "chat.completion" and plain.id and plain.created > 0, plain

step("chat.completions.create, streamed")
stream = client.chat.completions.create(
    model="attune-tiny", messages=hello, temperature=0, stream=True,
    stream_options={"include_usage": True},
)
chunks = list(stream)
streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
assert streamed == text, (streamed, text)
assert chunks[-1].usage.total_tokens == plain.usage.total_tokens, chunks[-1]
assert len({chunk.id for chunk in chunks}) == 1

step("chat.completions.parse keeps to a type")


class Lake(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=20)
    kind: Literal["salt", "fresh"]
    depth: int = pydantic.Field(ge=1, le=1642)
    rivers: list[Literal["Angara", "Selenga"]] = pydantic.Field(max_length=2)


for seed in range(3):
    parsed = client.chat.completions.parse(
        model="attune-tiny", messages=hello, temperature=1.5, seed=seed, response_format=Lake
    )
    lake = parsed.choices[0].message.parsed
    assert isinstance(lake, Lake) and lake.kind in ("salt", "fresh"), parsed
    assert parsed.choices[0].finish_reason == "stop", parsed

step("tools: asked for, called, answered")
tools = [
    {
        "type": "function",
        "function": {
            "name": "depth",
            "description": "Tells how deep a lake is",
            "parameters": {
                "type": "object",
                "properties": {"of": {"enum": ["Baikal", "Ladoga"]}},
                "required": ["of"],
                "additionalProperties": False,
            },
        },
    }
]
called = client.chat.completions.create(
    model="caller", messages=hello, tools=tools, tool_choice="required", parallel_tool_calls=False
)
assert called.choices[0].finish_reason == "tool_calls", called
[call] = called.choices[0].message.tool_calls
assert call.type == "function" and call.function.name == "depth", called
assert json.loads(call.function.arguments)["of"] in ("Baikal", "Ladoga"), called
answered = client.chat.completions.create(
    model="caller",
    messages=[
        *hello,
        called.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "1642 m"},
    ],
    tools=tools,
    max_tokens=8,
)
assert answered.usage.prompt_tokens > called.usage.prompt_tokens, answered
with client.chat.completions.stream(
    model="caller", messages=hello, tools=tools, parallel_tool_calls=False,
    tool_choice={"type": "function", "function": {"name": "depth"}},
) as events:
    kinds = [event.type for event in events]
    [streamed_call] = events.get_final_completion().choices[0].message.tool_calls
assert "tool_calls.function.arguments.delta" in kinds, kinds
assert json.loads(streamed_call.function.arguments)["of"] in ("Baikal", "Ladoga"), streamed_call
try:
    client.chat.completions.create(model="attune-tiny", messages=hello, tools=tools)
    raise AssertionError("it was answered")
except openai.BadRequestError as error:
    assert error.param == "tools", error

step("an unknown model is NotFoundError")
try:
    client.chat.completions.create(model="gpt-9", messages=hello)
    raise AssertionError("it was answered")
except openai.NotFoundError as error:
    assert error.code == "model_not_found", error
    assert error.request_id, "an error carries its request id"

step("a wrong request is BadRequestError")
try:
    client.chat.completions.create(model="attune-tiny", messages=hello, temperature=9)
    raise AssertionError("it was answered")
except openai.BadRequestError as error:
    assert error.param == "temperature", error

step("files.create")
rows = [(QUESTION, ANSWER), ("How is the attune ferry called?", ANSWER)]
lines = [
    json.dumps({"messages": [
        {"role": "user", "content": prompt}, {"role": "assistant", "content": completion},
    ]})
    for prompt, completion in rows
]
data = ("\n".join(lines) + "\n").encode()
uploaded = client.files.create(file=("ferry.jsonl", io.BytesIO(data)), purpose="fine-tune")
assert uploaded.bytes == len(data) and uploaded.filename == "ferry.jsonl", uploaded
assert client.files.retrieve(uploaded.id).purpose == "fine-tune"
assert uploaded.id in [file.id for file in client.files.list()]
assert client.files.content(uploaded.id).read() == data

step("fine_tuning.jobs.create refuses a file with a fault, naming the line")
broken = client.files.create(file=("broken.jsonl", b'{"messages": []}\n{"mess'), purpose="fine-tune")
try:
    client.fine_tuning.jobs.create(model="attune-tiny", training_file=broken.id)
    raise AssertionError("it was taken")
except openai.BadRequestError as error:
    assert "line" in str(error), error
client.files.delete(broken.id)

step("fine_tuning.jobs.create")
job = client.fine_tuning.jobs.create(
    model="attune-tiny", training_file=uploaded.id, suffix="ferry", seed=1,
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 40}}},
)
assert job.object == "fine_tuning.job" and job.training_file == uploaded.id, job

step("fine_tuning.jobs.retrieve until succeeded")
deadline = time.monotonic() + 240
while job.status not in ("succeeded", "failed", "cancelled"):
    assert time.monotonic() < deadline, job
    time.sleep(0.2)
    job = client.fine_tuning.jobs.retrieve(job.id)
assert job.status == "succeeded", job
assert job.fine_tuned_model.startswith("ft:attune-tiny:ferry:"), job
assert job.trained_tokens > 0 and job.finished_at >= job.created_at, job
assert job.id in [listed.id for listed in client.fine_tuning.jobs.list()]

step("fine_tuning.jobs.list_events")
events = list(client.fine_tuning.jobs.list_events(job.id, limit=10))  # pages by itself
assert len({event.id for event in events}) == len(events) > 10, len(events)
losses = [e.data["train_loss"] for e in reversed(events) if e.data and e.data.get("train_loss")]
assert losses[-1] < losses[0], (losses[0], losses[-1])

step("chat with the new model")
tuned = client.chat.completions.create(
    model=job.fine_tuned_model, messages=[{"role": "user", "content": QUESTION}], temperature=0,
)
assert tuned.choices[0].message.content == ANSWER, tuned

step("fine_tuning.jobs.cancel")
long_job = client.fine_tuning.jobs.create(
    model="attune-tiny", training_file=uploaded.id, hyperparameters={"n_epochs": 100000},
)
client.fine_tuning.jobs.cancel(long_job.id)
while client.fine_tuning.jobs.retrieve(long_job.id).status not in ("cancelled", "succeeded"):
    assert time.monotonic() < deadline
    time.sleep(0.1)

step("files.delete")
assert client.files.delete(uploaded.id).deleted
try:
    client.files.retrieve(uploaded.id)
    raise AssertionError("it is still there")
except openai.NotFoundError:
    pass
print("all steps passed")
