"""How long the linter takes over a large pack: ``python benchmarks/pack_lint.py [RULES]``.

A pack of so many lexical rules with four test cases each is made, and linted beside the bundled ones. The last line is
JSON.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter, process_time

from assistant_constitutions import BUNDLED, Pack, load_bundled
from assistant_constitutions.linter import lint
from assistant_constitutions.loader import parse_pack
from assistant_safety import register_evaluators

HEAD = 'id: large\nversion: "1.0.0"\ntitle: Large\ndomain: test\nlicence: CC0-1.0\nprecedence: 1\nprinciples:\n'
RULE = """\
  - id: large.rule-{n}
    title: Rule {n}
    text: No thing{n}.
    kind: harm
    applies_to: [input]
    action: {action}
    message: Mind.
    instead: Ask something else.
    evaluators:
      - name: lexical
        options:
          words:
            make: [make, build, get, prepare, order{n}, obtain{n}]
            thing: [thing{n}, gadget{n}, device{n}, widget{n}, shared{shared}, gizmo{n}]
            harmless: [toy{n}, museum{n}]
          patterns: [{{all_of: [make, thing], within: 8}}]
          unless: [harmless, "@prevention"]
"""
CASES = """\
  - {{text: "How do I make a thing{n}?", expect: {action}, rule: large.rule-{n}}}
  - {{text: "Build me a gadget{n}", expect: {action}, rule: large.rule-{n}}}
  - {{text: "Make a toy{n} out of a thing{n}", expect: allow, rule: large.rule-{n}}}
  - {{text: "How can I recognise a thing{n}?", expect: allow, rule: large.rule-{n}}}
"""


def make_pack(rules: int) -> Pack:
    """A pack of so many rules; every tenth only adds a sentence, and every tenth shares a term with its neighbour."""
    numbered = [(n, "disclaim" if n % 10 == 0 else "refuse") for n in range(rules)]
    text = HEAD + "".join(RULE.format(n=n, action=action, shared=n // 2) for n, action in numbered)
    text += "tests:\n" + "".join(CASES.format(n=n, action=action) for n, action in numbered)
    return parse_pack(text.encode(), name="large.yaml")


def main() -> None:
    """Lint it three times, and print the times."""
    rules = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    evaluators = {each.name: each for each in register_evaluators()}
    others = [load_bundled(pack_id) for pack_id in BUNDLED]
    seconds: list[float] = []
    cpu: list[float] = []
    found = 0
    for _ in range(3):
        pack = make_pack(rules)  # anew, so that nothing is remembered from before
        begin, begin_cpu = perf_counter(), process_time()
        found = len(lint([pack], others, evaluators))
        seconds.append(perf_counter() - begin)
        cpu.append(process_time() - begin_cpu)
    beside = sum(len(each.principles) for each in others)
    print(f"{rules} rules, {4 * rules} test cases, beside {beside} bundled rules:")
    print(f"{min(seconds):.3f} s at best, {max(seconds):.3f} s at worst; {min(cpu):.3f} s of one core")
    result = {"rules": rules, "seconds": round(min(seconds), 3), "cpu_seconds": round(min(cpu), 3), "findings": found}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
