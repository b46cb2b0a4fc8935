"""Runs lm-eval on an exported group, in the directory of the export, as a user would.

Arguments: the model's directory, the group, and whether to apply a chat template. Prints JSON.
"""

import json
import sys

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

directory, group, chat = sys.argv[1], sys.argv[2], sys.argv[3] == "chat"
results = simple_evaluate(
    model="hf",
    model_args={"pretrained": directory, "dtype": "float32"},
    tasks=[group],
    task_manager=TaskManager(include_path=".", include_defaults=False),
    device="cpu",
    batch_size=4,
    bootstrap_iters=0,
    log_samples=True,
    apply_chat_template=chat,
)
json.dump(
    {
        "acc": {name: found.get("acc,none") for name, found in results["results"].items()},
        "group": results["groups"][group]["acc,none"],
        "samples": {
            name: {
                sample["doc"]["id"]: {
                    "right": sample["acc"],
                    "logprobs": [float(reply[0][0]) for reply in sample["resps"]],
                    "target": sample["doc"]["target"],
                }
                for sample in samples
            }
            for name, samples in results["samples"].items()
        },
    },
    sys.stdout,
)
