"""Floor 2, the critic: compiled prompts, models, and verdicts on exchanges.

`open_critic` makes a `Critic` of a constitution and of backends, cheapest first; `open_model` opens
a candidate. Importing this room loads no heavy library; opening a model does.
"""

from lexgate.critic._compile import TARGETS, Compiled, compile_to, root_of
from lexgate.critic._critic import GIVEN, TIE, Critic
from lexgate.critic._exchange import Conversation, Exchange, Message, as_conversation
from lexgate.critic._lengths import Length, estimate, length_of, token_counter
from lexgate.critic._open import open_critic, open_model
from lexgate.critic._prompts import (
    LABELS,
    PREAMBLE,
    CriticPrompt,
    Question,
    compile_prompts,
    view,
)
from lexgate.critic._protocols import (
    Backend,
    Decoding,
    Generation,
    Identity,
    LabelScores,
    Model,
    PartByPart,
    Reports,
    Settles,
    Silence,
    Together,
)
from lexgate.critic._rationale import Rationale, explain
from lexgate.critic._reuse import Validity, validity
from lexgate.critic._scripted import ScriptedModel
from lexgate.critic._verdicts import Abstention, Answer, Judgement, Verdict, judgement_from_json

__all__ = [
    "GIVEN",
    "LABELS",
    "PREAMBLE",
    "TARGETS",
    "TIE",
    "Abstention",
    "Answer",
    "Backend",
    "Compiled",
    "Conversation",
    "Critic",
    "CriticPrompt",
    "Decoding",
    "Exchange",
    "Generation",
    "Identity",
    "Judgement",
    "LabelScores",
    "Length",
    "Message",
    "Model",
    "PartByPart",
    "Question",
    "Rationale",
    "Reports",
    "ScriptedModel",
    "Settles",
    "Silence",
    "Together",
    "Validity",
    "Verdict",
    "as_conversation",
    "compile_prompts",
    "compile_to",
    "estimate",
    "explain",
    "judgement_from_json",
    "length_of",
    "open_critic",
    "open_model",
    "root_of",
    "token_counter",
    "validity",
    "view",
]
