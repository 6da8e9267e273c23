"""Cost per feature without plumbing, and a feature that may spend only so much.

python3 examples/tags.py [llmcost.json]     without one: a scripted provider here, no key, no bill
"""

import sys

from llmcost import BudgetError, Client, Mock

mock = Mock({"default": {"reply": {"text": "Sure.", "usage": {"prompt": 40, "completion": 60}}}})
config = mock.config(
    report={"tags": ["feature"]},
    budgets=[
        {"name": "summaries", "limit": "0.0001 USD", "per": "day", "where": {"feature": "summary"}}
    ],
)
client = Client(sys.argv[1] if sys.argv[1:] else config)


def model(question: str) -> str:
    return client.ask("gpt-4o-mini", question, max_tokens=100)


@client.tags(feature="summary")
def summarise(text: str) -> str:
    return model("Summarise: " + text)


with client.tags(feature="faq"):
    print(model("What is a TTL cache?"))

try:
    for number in range(10):
        print(summarise(f"chapter {number}"))
except BudgetError as refused:
    print(refused)

print(client.report())
client.close()
