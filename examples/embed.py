"""Vectors for texts, what they cost, and the same texts again out of the cache.

python3 examples/embed.py [llmcost.json]     without one: a scripted provider here, no key, no bill
"""

import json
import sys

from llmcost import Client, Mock

answer = {
    "data": [{"index": 0, "embedding": [1, 0]}, {"index": 1, "embedding": [0, 1]}],
    "usage": {"prompt_tokens": 14},
}
raw = {"status": 200, "content_type": "application/json", "body": json.dumps(answer)}
mock = Mock({"rules": [{"match": {"path": "/v1/embeddings"}, "reply": {"raw": raw}}]})

pages = ["We deliver to all of Europe.", "An order takes three days."]
with Client(sys.argv[1] if sys.argv[1:] else mock.config(cache={"memory": {}})) as client:
    for _ in range(2):
        vectors = client.embed("openai/text-embedding-3-small", pages, purpose="document")
        print(list(vectors[0]), vectors.dimensions)
        print(vectors.receipt)
