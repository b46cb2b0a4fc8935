"""Floor 2, the critic: compiled prompts, models, and verdicts on exchanges.

`open_critic` makes a `Critic` of a constitution and of backends, cheapest first; `open_model` opens
a candidate. Importing this room loads no heavy library; opening a model does.
"""

from lexgate.critic._critic import GIVEN, TIE, Critic
from lexgate.critic._exchange import Conversation, Exchange, Message, as_conversation
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
    Settles,
    Silence,
)
from lexgate.critic._scripted import ScriptedModel
from lexgate.critic._verdicts import Abstention, Answer, Judgement, Verdict, judgement_from_json

__all__ = [
    "GIVEN",
    "LABELS",
    "PREAMBLE",
    "TIE",
    "Abstention",
    "Answer",
    "Backend",
    "Conversation",
    "Critic",
    "CriticPrompt",
    "Decoding",
    "Exchange",
    "Generation",
    "Identity",
    "Judgement",
    "LabelScores",
    "Message",
    "Model",
    "Question",
    "ScriptedModel",
    "Settles",
    "Silence",
    "Verdict",
    "as_conversation",
    "compile_prompts",
    "judgement_from_json",
    "open_critic",
    "open_model",
    "view",
]
