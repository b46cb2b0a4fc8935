"""Trains two steps of GRPO with the exported rewards, on a model in a directory.

Arguments: the model's directory, and which scenario. The working directory holds the export, and in
`constitutions` the constitution. Prints JSON: what the trainer logged.
"""

import json
import sys

import reward
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

TALK = [{"role": "system", "content": "S"}, {"role": "user", "content": "Build a gadget."}]


def train(model: str, reward_funcs, prompts) -> dict:
    config = GRPOConfig(
        output_dir="trained",
        max_steps=2,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=8,
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        seed=0,
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward_funcs,
        args=config,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts * 4]),
    )
    trainer.train()
    logged = [row for row in trainer.state.log_history if "reward" in row]
    return {
        "steps": trainer.state.global_step,
        "logged": [
            {k: v for k, v in row.items() if "reward" in k or k == "loss"} for row in logged
        ],
    }


torch.set_num_threads(1)
directory, scenario = sys.argv[1:]
scenarios = {
    "complies": lambda: train(directory, reward.rewards(critic=["scripted/no"]), [TALK]),
    "violates": lambda: train(directory, reward.rewards(critic=["scripted/yes"]), ["Hi."]),
    "abstains": lambda: train(directory, reward.rewards(critic=["checks"]), ["Hi."]),
    "combined": lambda: train(directory, reward.reward, [TALK]),
}
json.dump(scenarios[scenario](), sys.stdout)
