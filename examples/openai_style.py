"""Code written for OpenAI's SDK: one line changed, and each answer has a receipt.

python3 examples/openai_style.py [llmcost.json]     without one: a scripted provider here
"""

import sys

from llmcost import Mock, OpenAI  # was: from openai import OpenAI

mock = Mock({"default": {"reply": {"text": "A cache whose entries expire after a while."}}})
if sys.argv[1:]:
    client = OpenAI(config=sys.argv[1])
else:
    client = OpenAI(api_key="sk-example", base_url=mock.url + "/v1")

messages = [{"role": "user", "content": "What is a TTL cache?"}]

completion = client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=100)
print(completion.choices[0].message.content)
print(completion.usage.total_tokens, "tokens;", completion.llmcost)

for chunk in client.chat.completions.create(
    model="gpt-4o-mini", messages=messages, max_tokens=100, stream=True
):
    print(chunk.choices[0].delta.content or "", end="")
print()
client.close()
