"""Run the corpus and print which breaks the comparison catches."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.upgrade_corpus.cases import read_cases, read_pairs
from tests.upgrade_corpus.judge import format_table, is_enough, judge_differences
from tests.upgrade_corpus.pairs import compare_pair


def main() -> int:
    pairs = read_pairs()
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade_corpus", description=__doc__)
    parser.add_argument("--pair", action="append", choices=sorted(pairs), help="one pair; may be repeated")
    parser.add_argument("--case", action="append", help="one case by its name; may be repeated")
    parser.add_argument("--sample", action="store_true", help="only the cases that a pair names as its sample")
    parser.add_argument("--folder", type=Path, help="keep project, evidence and comparison in this empty folder")
    arguments = parser.parse_args()
    judgements = {}
    with tempfile.TemporaryDirectory(prefix="corpus-") as temporary:
        for name in arguments.pair or pairs:
            pair, folder = pairs[name], (arguments.folder or Path(temporary)) / name
            wanted = pair.sample if arguments.sample else arguments.case
            cases = [case for case in read_cases(name) if wanted is None or case.name in wanted]
            if cases:
                judgements[name] = judge_differences(cases, compare_pair(pair, cases, folder).differences)
    print(format_table(judgements))
    return 0 if is_enough(judgements) else 1


if __name__ == "__main__":
    sys.exit(main())
