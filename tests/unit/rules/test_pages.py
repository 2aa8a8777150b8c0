"""What every rule owes: a page whose examples hold, a requirement, a fix, an id of its own."""

from __future__ import annotations

import re

import pytest

from layerproof.policy import Rule, load_rules
from tests.unit.rules.subjects import RULES, findings, from_page

EACH = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)


@EACH
def test_the_bad_example_on_a_rules_page_breaks_it_and_the_good_one_does_not(rule: Rule) -> None:
    assert findings(rule.id, from_page(rule, "Bad")) != []
    assert findings(rule.id, from_page(rule, "Good")) == []


@EACH
def test_a_rules_page_names_its_requirement_and_its_fix_and_its_file_its_id(rule: Rule) -> None:
    assert re.search(rf"^Source: {rule.requirement}\b", rule.page, re.MULTILINE)
    assert rule.fix.endswith(".")
    assert rule.module.__name__.rsplit(".", 1)[-1].startswith(rule.id.lower() + "_")


def test_ids_are_used_once_and_in_order() -> None:
    assert [rule.id for rule in load_rules()] == sorted(RULES)
