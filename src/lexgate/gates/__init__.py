"""Floor 4, the gate: policies, exact bounds, and decisions that say what they rest on."""

from lexgate.gates._bounds import lower_bound, upper_bound
from lexgate.gates._decide import decide
from lexgate.gates._decision import EXIT_CODES, RESTS_ON, Decision, Outcome, RuleOutcome
from lexgate.gates._find_policy import shipped_policies
from lexgate.gates._manifest import RunFacts, RunLike, TaskFacts, read_facts
from lexgate.gates._policy import AtLeast, NonInferiority, Policy, RateLimit, Rule
from lexgate.gates._policy_file import load_policy
from lexgate.gates._report import report
from lexgate.gates._words import shown_bound

__all__ = [
    "EXIT_CODES",
    "RESTS_ON",
    "AtLeast",
    "Decision",
    "NonInferiority",
    "Outcome",
    "Policy",
    "RateLimit",
    "Rule",
    "RuleOutcome",
    "RunFacts",
    "RunLike",
    "TaskFacts",
    "decide",
    "load_policy",
    "lower_bound",
    "read_facts",
    "report",
    "shipped_policies",
    "shown_bound",
    "upper_bound",
]
