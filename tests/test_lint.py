"""What is asked of the code's style is asked of all of it."""

from __future__ import annotations

import re
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import ROOT

_EXCEPTION = re.compile(
    r"#\s*noqa\b(?P<rules>:(?:\s*[A-Z]+\d+,?)+)?(?P<reason>\s+-\s.+)?"
)
_OURS = ("cfos_cloud", "twisted", "tests", "benchmarks", "deploy")


class SecurityRulesTests(SynchronousTestCase):
    """Those of bandit, which ruff has as S."""

    def setUp(self) -> None:
        pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
        self.lint = pyproject["tool"]["ruff"]["lint"]

    def test_all_of_them_count_but_for_two(self) -> None:
        self.assertIn("S", self.lint["select"])
        left_out = {each for each in self.lint["ignore"] if each.startswith("S")}
        # Both warn of every subprocess that is run without a shell.
        self.assertEqual(left_out, {"S603", "S607"})
        for place, rules in self.lint["per-file-ignores"].items():
            if place != "tests/**":
                self.assertEqual([each for each in rules if each.startswith("S")], [])

    def test_each_exception_names_its_rule_and_its_reason(self) -> None:
        wrong = []
        for folder in _OURS:
            for path in (ROOT / folder).rglob("*.py"):
                for number, line in enumerate(path.read_text().splitlines(), start=1):
                    found = _EXCEPTION.search(line)
                    if found is None or path.name == "test_lint.py":
                        continue
                    rules = found["rules"]
                    is_security = rules is not None and re.search(r"\bS\d", rules)
                    if rules is None or (is_security and not found["reason"]):
                        wrong.append(f"{path.relative_to(ROOT)}:{number}: {line}")
        self.assertEqual(wrong, [])
