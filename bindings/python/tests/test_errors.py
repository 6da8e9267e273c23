"""Failures: the class, the fields, and what the receipt says."""

import pickle
import socket
import unittest

from llmcost import (
    BudgetError,
    CapacityError,
    Client,
    ConfigError,
    CredentialsError,
    DeadlineError,
    LlmcostError,
    NetworkError,
    RateLimitError,
    RequestError,
    ServerError,
)
from support import MODEL, MockCase


class Errors(MockCase):
    def failure(self, kind, client=None, model=MODEL, **options):
        with self.assertRaises(kind) as caught:
            (client or self.open()).chat(model, "Hello", **options)
        return caught.exception

    def test_rate_limit_has_all_fields(self) -> None:
        self.fault(status=429, retry_after=7, code="rpm", message="Slow down.", type="rpm")
        error = self.failure(RateLimitError)
        self.assertIsInstance(error, CapacityError)
        self.assertEqual((error.status, error.category, error.http_status), ("E_RATE_LIMITED", "capacity", 429))
        self.assertEqual((error.provider, error.code, error.provider_message), ("openai", "rpm", "Slow down."))
        self.assertEqual(error.retry_after, 7.0)
        self.assertTrue(error.request_id.startswith("req_mock"))
        self.assertEqual((error.is_retriable, error.is_fatal, error.is_budget), (True, False, False))
        self.assertEqual(error.receipt.status, "E_RATE_LIMITED")
        self.assertEqual(error.receipt.cost_nano, 0)
        self.assertIn("Slow down.", str(error))
        self.assertEqual(str(error), error.message)

    def test_trail_names_what_was_tried(self) -> None:
        self.fault(status=503)
        error = self.failure(LlmcostError)
        self.assertEqual([step["target"] for step in error.trail], ["openai/" + MODEL])
        self.assertEqual(error.trail[0]["status"], error.status)

    def test_each_status_has_its_class(self) -> None:
        cases = [
            ({"status": 401}, CredentialsError, "E_AUTH"), ({"status": 403}, CredentialsError, "E_PERMISSION"),
            ({"status": 404}, RequestError, "E_NOT_FOUND"), ({"status": 400}, RequestError, "E_INVALID_REQUEST"),
            ({"status": 500}, ServerError, "E_SERVER"), ({"garbage_body": True}, ServerError, "E_MALFORMED"),
            ({"close_before_reply": True}, NetworkError, "E_NETWORK"),
            ({"status": 429, "code": "insufficient_quota"}, CredentialsError, "E_QUOTA"),
        ]
        for fault, kind, status in cases:
            with self.subTest(status):
                self.fault(**fault)
                self.assertEqual(self.failure(kind).status, status)

    def test_deadline(self) -> None:
        self.fault(silent=True)
        error = self.failure(DeadlineError, deadline_ms=100)
        self.assertEqual((error.status, error.category), ("E_DEADLINE", "time"))
        self.assertIsInstance(error, TimeoutError)
        self.assertIsNone(error.retry_after)

    def test_nobody_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        provider = {"base_url": f"http://127.0.0.1:{port}/v1", "key": "k", "retries": 0}
        with Client({"providers": {"openai": provider}}) as client:
            error = self.failure(NetworkError, client)
        self.assertIsInstance(error, ConnectionError)
        self.assertTrue(error.is_retriable)

    def test_budget(self) -> None:
        budget = {"name": "faq", "limit": "0.0001 USD", "where": {"feature": "faq"}}
        client = self.open({"budgets": [budget], "min_max_tokens": 64})
        self.reply(text="x", usage={"prompt": 400, "completion": 60})
        self.assertEqual(client.ask(MODEL, "Hello", tags={"feature": "faq"}, max_tokens=100), "x")
        sent = self.mock.request_count
        error = self.failure(BudgetError, client, tags={"feature": "faq"}, max_tokens=100)
        self.assertEqual((error.status, error.category, error.is_budget), ("E_BUDGET", "budget", True))
        self.assertEqual(error.receipt.cost_nano, 0)
        self.assertIn("faq", str(error))
        self.assertEqual(self.mock.request_count, sent)
        self.assertEqual(client.ask(MODEL, "Hello", tags={"feature": "other"}), "x")

    def test_names(self) -> None:
        self.assertEqual(self.failure(ConfigError, model="nobody").status, "E_UNKNOWN_MODEL")

    def test_a_key_never_shows(self) -> None:
        self.fault(status=401, message="Bad key sk-mock")
        error = self.failure(CredentialsError)
        shown = str(error) + repr(vars(error))
        self.assertNotIn("Bearer", shown)

    def test_errors_can_be_pickled(self) -> None:
        self.fault(status=429, retry_after=7)
        error = self.failure(RateLimitError)
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(copy), str(copy), copy.retry_after), (RateLimitError, str(error), 7.0))
        self.assertEqual((copy.receipt, str(copy.receipt)), (error.receipt, str(error.receipt)))


if __name__ == "__main__":
    unittest.main()
