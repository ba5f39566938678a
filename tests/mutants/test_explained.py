"""How a mutant is known again, and what is said of those that live on."""

import tomllib

import pytest

from tests.mutants.__main__ import EXPLAINED, Mutant, explained_ones, mutant_of

DIFF = """\
# app.domain.policy.xǁPolicyǁceiling__mutmut_3: survived
--- app/domain/policy.py
+++ app/domain/policy.py
@@ -5,4 +5,4 @@
         A policy that stops nothing never threatens: it warns at most (S10).
         \"\"\"
-        own = self.mode
+        own = None
         return min(mode, own)
"""


def test_a_mutant_is_known_by_its_function_and_the_lines_that_differ() -> None:
    method = mutant_of("app.domain.policy.xǁPolicyǁceiling__mutmut_3", DIFF)
    function = mutant_of("app.domain.steps.x_words__mutmut_12", DIFF)

    assert method == Mutant("app.domain.policy.Policy.ceiling", "own = self.mode", "own = None")
    assert function.where == "app.domain.steps.words"


def test_a_name_that_nobody_can_read_is_an_error() -> None:
    with pytest.raises(SystemExit, match="in another way"):
        mutant_of("app.domain.steps.words", DIFF)


def test_every_mutant_that_lives_on_is_explained_once() -> None:
    text = EXPLAINED.read_text()

    explained = explained_ones(tomllib.loads(text))

    assert len(explained) == text.count("[[mutant]]")
    assert all(explained.values())
