"""One question, its answer, and what it cost.

python3 examples/hello.py [llmcost.json]     without one: a scripted provider here, no key, no bill
"""

import sys

from llmcost import Client, Mock

mock = Mock({"default": {"reply": {"text": "A cache whose entries expire after a while."}}})

with Client(sys.argv[1] if sys.argv[1:] else mock.config()) as client:
    answer = client.chat("gpt-4o-mini", "What is a TTL cache?", max_tokens=100)
    print(answer.text)
    print(answer.receipt)
