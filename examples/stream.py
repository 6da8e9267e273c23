"""An answer that is printed while it comes, and one that is left early.

python3 examples/stream.py [llmcost.json]     without one: a scripted provider here
"""

import sys

from llmcost import Client, Mock

story = "Once upon a time there was a cache. It remembered everything, until it did not. " * 4
mock = Mock({"default": {"reply": {"text": story}, "chunk_delay_ms": 10}})

with Client(sys.argv[1] if sys.argv[1:] else mock.config()) as client:
    stream = client.stream("gpt-4o-mini", "Tell me a story about a cache.", max_tokens=200)
    for delta in stream:
        print(delta, end="", flush=True)
    print("\n" + str(stream.receipt))

    # Leaving cancels the call: what was received is on the bill, the rest is not.
    with client.stream("gpt-4o-mini", "Another one.", max_tokens=200) as stream:
        print(next(stream), "...")
    print(client.report())
