"""Asks a server of `lowrank serve` with OpenAI's own client and prints what it understood as JSON.

Usage: check_openai.py ADDRESS ADAPTER PROMPT
"""

import json
import sys

import openai

address, adapter, prompt = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key="word")


def refusal(ask):
    """The class and the sentence of the error that a call raises."""
    try:
        ask()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.body["message"]]
    return None


def text_of(**options):
    """The text of a completion with these options."""
    return client.completions.create(prompt=prompt, max_tokens=8, **options).choices[0].text


parts = client.completions.create(model=adapter, prompt=prompt, max_tokens=8, stream=True)
wrong = openai.OpenAI(base_url=f"{address}/v1", api_key="other", max_retries=0)
print(
    json.dumps(
        {
            "models": [model.id for model in client.models.list()],
            "text": text_of(model=adapter),
            "named": text_of(model="", extra_body={"adapter": adapter}, n=1, top_p=1),
            "parts": "".join(part.choices[0].text for part in parts),
            "refusals": [
                refusal(lambda: text_of(model="gpt-4")),
                refusal(lambda: text_of(model=adapter, n=2)),
                refusal(lambda: wrong.models.list()),
            ],
        }
    )
)
