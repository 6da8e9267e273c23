"""Splits: a user keeps his side, scores find theirs, and the report tells which side is better."""

import unittest

from llmcost import LlmcostError
from support import MODEL, MockCase


class Splits(MockCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = self.open(
            {
                "routes": {
                    "test": {"split": {"gpt-4o-mini": 50, "gpt-4o": 50}, "sticky": "user"},
                },
                "report": {"feedback_calls": 30},
            }
        )

    def sides(self):
        (split,) = self.client.report("json")["splits"]
        self.assertEqual((split["name"], split["sticky"]), ("test", "user"))
        return {side["name"]: side for side in split["sides"]}

    def test_outcome(self) -> None:
        seen = {}
        for number in range(40):
            user = f"user-{number % 10}"
            answer = self.client.chat("test", "Hello", tags={"user": user})
            self.assertEqual(seen.setdefault(user, answer.model), answer.model)
            score = 4 + number % 2 if answer.model == "gpt-4o" else 2 + number % 2
            how = [answer, answer.receipt, answer.receipt.id][number % 3]
            self.assertIs(self.client.feedback(how, score), True)
        sides = self.sides()
        self.assertEqual(sides["gpt-4o"]["calls"] + sides["gpt-4o-mini"]["calls"], 40)
        self.assertEqual(sides["gpt-4o"]["scored"], sides["gpt-4o"]["calls"])
        self.assertNotIn("against", sides["gpt-4o-mini"])
        against = sides["gpt-4o"]["against"]
        self.assertEqual(against["side"], "gpt-4o-mini")
        self.assertGreater(against["mean_score"]["low"], 1)
        self.assertGreater(against["mean_cost_nano"]["low"], 0)
        self.assertIn("gpt-4o against gpt-4o-mini, 95 % intervals", self.client.report())

    def test_feedback_that_finds_nothing(self) -> None:
        plain = self.client.chat(MODEL, "Hello")
        self.assertIs(self.client.feedback(plain, 1), False)
        first = self.client.chat("test", "Hello", tags={"user": "a"})
        for _ in range(30):
            self.client.chat("test", "Hello", tags={"user": "a"})
        self.assertIs(self.client.feedback(first, 1), False)
        for score in (float("nan"), float("inf"), 2e9):
            with self.assertRaises(LlmcostError) as caught:
                self.client.feedback(plain, score)
            self.assertEqual(caught.exception.status, "E_MISUSE")
        with self.assertRaises(LlmcostError):
            self.client.feedback("no id", 1)

    def test_a_later_score_replaces(self) -> None:
        answer = self.client.chat("test", "Hello", tags={"user": "a"})
        self.client.feedback(answer, 1)
        self.client.feedback(answer, 0.25)
        side = self.sides()[answer.model]
        self.assertEqual((side["scored"], side["mean_score"]), (1, 0.25))


if __name__ == "__main__":
    unittest.main()
