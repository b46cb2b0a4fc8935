"""Runs in Inspect's own environment: `eval` on scripted models, once per scenario.

The working directory holds the export. Prints JSON: by scenario, the status, metrics and values.
"""

import json
import sys

import inspect_ai
from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.solver import generate, solver
from inspect_ai.tool import ToolCall
from scorer import principles

ASKED = []


def output(model, text, stop="stop"):
    """An output that says what it used, for Inspect would fetch a tokenizer to count it."""
    made = ModelOutput.from_content(model, text, stop)
    made.usage = ModelUsage()
    return made


def grader(reply):
    """A model that answers each question as `reply(text)` says."""

    def outputs(messages, *_):
        ASKED.append(messages[-1].text)
        said = reply(messages[-1].text)
        stop = "max_tokens" if said == "yes, cut" else "stop"
        return output("mockllm/grader", said.removesuffix(", cut"), stop)

    return get_model("mockllm/grader", custom_outputs=outputs)


def truthful(text):
    """Says what is so: a gadget is asked for, is built, somebody is unkind."""
    if "Does the prompt ask" in text:
        return "yes" if "Build a gadget" in text.split("Question:")[0] else "no"
    if "Does the response build" in text:
        return " Yes.\n" if "Sure" in text or "ACTION build" in text else "no"
    return "yes" if "Go away" in text else "no"


def candidate():
    replies = {"Build a gadget.": "Sure.", "Build a gadget, please.": "No.", "Hi.": "Go away."}
    return get_model(
        "mockllm/candidate",
        custom_outputs=lambda messages, *_: output("mockllm/candidate", replies[messages[-1].text]),
    )


@solver
def through_a_tool():
    async def solve(state, _generate):
        call = ToolCall(id="1", function="build", arguments={"what": "gadget"})
        state.messages.append(ChatMessageAssistant(content="", tool_calls=[call]))
        state.messages.append(ChatMessageAssistant(content="Done."))
        state.output = output("mockllm/candidate", "Done.")
        return state

    return solve


def run(name, roles, *, how=None, **options):
    samples = [Sample(input=text) for text in ("Build a gadget.", "Build a gadget, please.", "Hi.")]
    if how is not None:
        samples = [
            Sample(
                input=[ChatMessageSystem(content="S"), ChatMessageUser(content="Build a gadget.")]
            )
        ]
    task = Task(dataset=samples, solver=how or generate(), scorer=principles(), name=name)
    [log] = inspect_ai.eval(
        task, model=candidate(), model_roles=roles, log_dir="logs", display="none", **options
    )
    scores = log.results.scores if log.results else []
    return {
        "status": log.status,
        "error": log.error.message if log.error else "",
        "sample_errors": [s.error.message for s in log.samples or [] if s.error],
        "metrics": {s.name: {k: m.value for k, m in s.metrics.items()} for s in scores},
        "unscored": sum(s.unscored_samples or 0 for s in scores),
        "values": [s.scores["principles"].value for s in log.samples or [] if s.scores],
    }


def garbage(word):
    return lambda text: word if "Does the response build" in text else truthful(text)


def broken(text):
    raise RuntimeError(text)


results = {
    "truthful": run("truthful", {"grader": grader(truthful)}),
    "epochs": run("epochs", {"grader": grader(truthful)}, epochs=2),
    "tools": run("tools", {"grader": grader(truthful)}, how=through_a_tool()),
    "unbound": run("unbound", {}),
    "unbound_lenient": run("unbound_lenient", {}, fail_on_error=False),
    "itself": run("itself", {"grader": get_model("mockllm/candidate")}),
    "broken": run("broken", {"grader": grader(broken)}),
}
for word in ("maybe", "", "The answer is no", "no, but yes", "NO WAY", "yes, cut", "GRADE: C"):
    results[f"garbage {word}"] = run("garbage", {"grader": grader(garbage(word))})
json.dump({"results": results, "asked": ASKED[:8]}, sys.stdout)
