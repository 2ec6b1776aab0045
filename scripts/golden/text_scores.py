"""The five scores of texts by the code of the E2E scripts, as JSON; what it needs is in text_metrics.py.

    python scripts/golden/text_scores.py TEXTS.json

The file is a list of [output, [reference, ...]]. METEOR runs with its own tables.
"""

import json
import sys
from pathlib import Path

from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from text_metrics import mteval


def main(path: str) -> None:
    texts = json.loads(Path(path).read_text(encoding="utf-8"))
    outputs = {i: [{"caption": output}] for i, (output, _) in enumerate(texts)}
    references = {i: [{"caption": text} for text in written] for i, (_, written) in enumerate(texts)}
    made, written = PTBTokenizer().tokenize(outputs), PTBTokenizer().tokenize(references)
    captions = {"meteor": Meteor(), "rougeL": Rouge(), "cider": Cider()}
    scores = {name: float(metric.compute_score(written, made)[0]) for name, metric in captions.items()}
    print(json.dumps({**mteval(texts), **scores}))


if __name__ == "__main__":
    main(sys.argv[1])
