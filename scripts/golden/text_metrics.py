"""Scores of our own sentences by the code of the E2E scripts: writes tests/experiments/text_metrics/golden.json.

Not a part of make.py, as it needs Java and an environment of its own:

    pip install --no-deps pycocoevalcap==1.2 gem-metrics-fork==0.1.dev0 future numpy
    python scripts/golden/text_metrics.py && deno fmt tests/experiments/text_metrics/golden.json

pycocoevalcap is coco-caption with its PTB tokenizer and METEOR 1.5; gem-metrics-fork carries pymteval.py of
the E2E scripts. METEOR runs with the small tables in tests/experiments/text_metrics/meteor, which are ours, and with parts of
its modules.
"""

import gzip
import importlib.util
import json
import subprocess
import tempfile
from pathlib import Path

import pycocoevalcap
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

TESTS = Path(__file__).resolve().parents[2] / "tests" / "experiments" / "text_metrics"
JAR = Path(pycocoevalcap.__path__[0]) / "meteor" / "meteor-1.5.jar"
WEIGHTS = {"exact": "1.0", "stem": "0.6", "synonym": "0.8", "paraphrase": "0.6"}
MODULES = ["exact", "exact stem", "exact stem synonym", "exact stem synonym paraphrase"]

TEXTS = [
    ("Blue Spice is a cheap pub near the river.", ["Near the river is Blue Spice, a cheap pub.", "A pub near the river, Blue Spice is cheap."]),
    ("The Mill isn't family-friendly, it's £20-25.", ["The Mill is not family-friendly and costs £20-25.", "At £20-25, The Mill isn't a place for kids."]),
    ("The Golden Curry serves French food.", ["The Golden Curry offers French dishes (very good ones)."]),
    ("It has a customer rating of 4.5 out of 5.", ["Customers rated it 4.5 of 5.", "Its customers' rating is 4.5 out of 5!", "Rated 4.5."]),
    ("", ["The inn has nothing to say."]),
    ("Inn", ["Inn", "An inn"]),
    ("the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("Café Adriatic is located in the city center.", ["Café Adriatic is downtown.", "You will find Café Adriatic in the city center."]),
    ("Dr. Jones can't come at 10:30 a.m.; he's \"busy\" …", ["Dr. Jones cannot come at 10:30 a.m. He is 'busy'.", "At 10:30 Dr Jones isn't able to come -- too busy."]),
    ("An inexpensive tavern for children close to the station", ["A cheap pub near the station is good for families with kids.", "Children like the low-priced inn near the station"]),
    ("women were judging the rated U.S. restaurants &amp; bars", ["A woman judges rates of U.S. restaurants & bars", "The ladies judged the rating"]),
    ("A 1/2 price menu, 5 1/2 stars, 1,000 guests; e.g. AT&T's staff", ["1/2 price, 5 1/2 stars, 1,000 guests", "Half the price and 1,000 guests, AT&T's staff among them"]),
    ("It is cheap. It is good. It is near. It is cheap.", ["It is good and cheap, it is near.", "Cheap and good it is. It is near, and it is it."]),
    ("Serving food serving guests serves the owner", ["The owner serves guests and has on its menu food served", "serving serving serving"]),
    ("b a b a c d a b", ["a b a b d c b a", "a a a b b b c d"]),
    ("The river pub, near the river, is near the pub by the river near the pub", ["Near the pub by the river is the river pub near the river", "pub river near the the near river pub"]),
]


def main() -> None:
    outputs = {i: [{"caption": output}] for i, (output, _) in enumerate(TEXTS)}
    references = {i: [{"caption": text} for text in texts] for i, (_, texts) in enumerate(TEXTS)}
    made, written = PTBTokenizer().tokenize(outputs), PTBTokenizer().tokenize(references)
    rouge, rouges = Rouge().compute_score(written, made)
    cider, ciders = Cider().compute_score(written, made)
    document = {
        "texts": [
            {
                "output": output,
                "references": texts,
                "tokens": made[i][0],
                "referenceTokens": written[i],
                "rougeL": float(rouges[i]),
                "cider": float(ciders[i]),
            }
            for i, (output, texts) in enumerate(TEXTS)
        ],
        "scores": {**mteval(TEXTS), "rougeL": float(rouge), "cider": float(cider)},
        "meteor": {modules: meteor(modules, written, made) for modules in MODULES},
        "stems": stems(),
    }
    (TESTS / "golden.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def mteval(texts: list) -> dict:
    # By its path: the package's own __init__ needs everything else.
    path = importlib.util.find_spec("gem_metrics_fork").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("pymteval", Path(path) / "impl" / "pymteval.py")
    pymteval = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pymteval)
    bleu, nist = pymteval.BLEUScore(), pymteval.NISTScore()
    for output, references in texts:
        bleu.append(output, references)
        nist.append(output, references)
    return {"bleu": bleu.score(), "nist": nist.score()}


def meteor(modules: str, written: dict, made: dict) -> dict:
    """As pycocoevalcap calls METEOR, with our tables; the last score is that of the whole set."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "paraphrases.gz"
        table.write_bytes(gzip.compress((TESTS / "meteor" / "paraphrases.txt").read_bytes()))
        weights = " ".join(WEIGHTS[module] for module in modules.split())
        tables = ["-d", str(TESTS / "meteor"), "-a", str(table)]
        options = ["-stdio", "-l", "en", "-norm", "-m", modules, "-w", weights, *tables]
        lines = [" ||| ".join(["SCORE", *written[i], made[i][0]]) for i in made]
        stats = run_jar(options, lines)
        scores = [float(score) for score in run_jar(options, [" ||| ".join(["EVAL", *stats])])]
    return {"stats": stats, "scores": scores[:-1], "score": scores[-1]}


def run_jar(options: list[str], lines: list[str]) -> list[str]:
    command = ["java", "-Xmx2G", "-jar", str(JAR), "-", "-", *options]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True, encoding="utf-8")
    return done.stdout.strip().split("\n")


STEMMED = """
generously generate generic communal communism arsenal skis skies dying lying tying idly gently ugly early only singly sky news howe
atlas cosmos bias andes inning outing canning herring earring proceed exceed succeed exceeded proceeding succeeds
caresses caress flies dies mules denied died agreed owned humbled sized meeting stating siezed itemization sensational
traditional reference colonizer plotted ties cries gas this kiwis gaps feed bleed luxuriated hoped hopping hoping falling
rating rated ratings friendly family-friendly families priced prices pricing cheaply happily happy cry by say
relational conditional rationally valency hesitancy digitizer conformably radically differently vilely analogously
vietnamization predication operator feudalism decisiveness hopefulness callousness formality sensitivity sensibility
triplicate formative formalize electricity electrical hopeful goodness revival allowance inference airliner gyroscopic
adjustable defensible irritant replacement adjustment dependent adoption homologous communication activate angularity
effective bowdlerize probate rate cease controlling rolling knack 's n't o'clock restaurant's dogs' boys youth yes eyed
bed bedded fee feeds hopefully fluently apology apologies logging theology analogy national nationally realized realizing
""".split()


def stems() -> dict:
    """Stems by METEOR's own Snowball stemmer."""
    command = ["java", "-cp", str(JAR), "Stemmer", "en"]
    done = subprocess.run(command, input="\n".join(STEMMED) + "\n", capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert len(found) == len(STEMMED), (len(found), len(STEMMED))
    return dict(zip(STEMMED, found))


if __name__ == "__main__":
    main()
