"""Callbacks: receipts, alerts, judges; and what happens when they raise."""

import gc
import unittest
import weakref

from llmcost import (
    BreakerOpenError,
    CapacityError,
    Client,
    CredentialsError,
    LimitedError,
    LlmcostError,
    MisuseError,
    Receipt,
    RequestError,
)
from support import MODEL, MockCase, unraisable

CASCADE = {
    "routes": {
        "faq": {
            "cascade": ["openai/gpt-4o-mini", "openai/gpt-4o"],
            "escalate_on": {"judge": "host:strict"},
        }
    }
}


class Receipts(MockCase):
    def test_every_finished_call(self) -> None:
        receipts = []
        client = self.open(on_receipt=receipts.append)
        client.ask(MODEL, "Hello")
        list(client.stream(MODEL, "Hello"))
        self.fault(status=500)
        with self.assertRaises(LlmcostError):
            client.ask(MODEL, "Hello")
        self.assertEqual([receipt.status for receipt in receipts], ["OK", "OK", "E_SERVER"])
        self.assertIsInstance(receipts[0], Receipt)
        self.assertIn("$", str(receipts[0]))

    def test_an_exception_is_reported_and_harms_nothing(self) -> None:
        def broken(receipt: Receipt) -> None:
            raise ZeroDivisionError("in the callback")

        client = self.open(on_receipt=broken)
        with unraisable() as seen:
            self.assertEqual(client.ask(MODEL, "Hello"), "Hello")
            self.assertEqual("".join(client.stream(MODEL, "Hello")), "Hello")
        self.assertEqual([str(error) for error in seen], ["in the callback"] * 2)
        self.assertEqual(client.report("json")["total"]["calls"], 2)

    def test_what_is_no_function_is_refused(self) -> None:
        config = self.mock.config()
        for hooks in (
            {"on_receipt": 5},
            {"on_alert": "f"},
            {"judges": {"strict": 5}},
            {"key_sources": {"vault": "key"}},
            {"labellers": {"topic": None}},
        ):
            with self.subTest(hooks), self.assertRaisesRegex(TypeError, "must be a function, not"):
                Client(config, **hooks)

    def test_calls_inside_a_callback(self) -> None:
        asked = []

        def again(receipt: Receipt) -> None:
            if not asked:
                asked.append(None)
                asked.append(client.ask(MODEL, "inner"))
                client.stats()

        client = self.open(on_receipt=again)
        self.assertEqual(client.ask(MODEL, "outer"), "outer")
        self.assertEqual(asked, [None, "inner"])

    def test_closing_inside_a_callback_is_refused(self) -> None:
        failures = []

        def close(receipt: Receipt) -> None:
            try:
                client.close()
            except MisuseError as error:
                failures.append(error)

        client = self.open(on_receipt=close)
        self.assertEqual(client.ask(MODEL, "Hello"), "Hello")
        self.assertEqual(client.ask(MODEL, "Hello"), "Hello")
        self.assertEqual(len(failures), 2)

    def test_closing_a_stream_inside_its_callback_is_refused(self) -> None:
        failures = []

        def close(receipt: Receipt) -> None:
            try:
                stream.close()
            except MisuseError as error:
                failures.append(error)

        stream = self.open(on_receipt=close).stream(MODEL, "Hello")
        self.assertEqual(list(stream), ["Hello"])
        self.assertEqual(len(failures), 1)

    def test_callbacks_live_as_long_as_the_client(self) -> None:
        receipts = []
        client = self.open(
            on_receipt=lambda receipt: receipts.append(receipt), judges={"x": lambda q, a: True}
        )
        for _ in range(3):
            gc.collect()
            client.ask(MODEL, "Hello")
        self.assertEqual(len(receipts), 3)

    def test_a_client_that_its_callback_knows_is_collected(self) -> None:
        class Owner:
            def __init__(self, config) -> None:
                self.client = Client(config, on_receipt=self.heard)
                self.count = 0

            def heard(self, receipt: Receipt) -> None:
                self.count += 1

        owner = Owner(self.mock.config())
        owner.client.ask(MODEL, "Hello")
        self.assertEqual(owner.count, 1)
        gone = weakref.ref(owner.client)
        del owner
        gc.collect()
        self.assertIsNone(gone())
        self.mock.close()


class Alerts(MockCase):
    def test_alert(self) -> None:
        alerts = []
        client = self.open(
            {"budgets": [{"name": "b", "limit": "0.001 USD", "alert_at": [0.5]}]},
            on_alert=alerts.append,
        )
        self.reply(text="x", usage={"prompt": 4000, "completion": 10})
        client.ask(MODEL, "Hello", max_tokens=100)
        crossed = [alert for alert in alerts if alert["alert"] == "budget"]
        self.assertEqual([(alert["budget"], alert["fraction"]) for alert in crossed], [("b", 0.5)])
        self.assertIsNone(crossed[0]["window_from_ms"])  # money for all time

    def test_a_breaker(self) -> None:
        alerts = []
        client = self.open(
            {"breaker": {"min_calls": 2, "open_ms": "1h"}}, on_alert=alerts.append
        )
        self.fault(status=503)
        for _ in range(2):
            with self.assertRaises(CapacityError):
                client.ask(MODEL, "Hello")
        with self.assertRaises(BreakerOpenError) as caught:
            client.ask(MODEL, "Hello")
        self.assertEqual(caught.exception.status, "E_BREAKER_OPEN")
        self.assertGreater(caught.exception.retry_after or 0, 3000)
        (target,) = client.targets()
        self.assertEqual(target["name"], "openai/" + MODEL)
        self.assertEqual((target["state"], target["failures"]), ("open", 2))
        self.assertEqual(
            [(alert["alert"], alert["target"], alert["state"]) for alert in alerts],
            [("breaker", "openai/" + MODEL, "open")],
        )

    def test_a_key_that_is_out(self) -> None:
        alerts = []
        client = self.open(on_alert=alerts.append)
        self.fault(status=401)
        for _ in range(3):
            with self.assertRaises(CredentialsError) as caught:
                client.ask(MODEL, "Hello")
        self.assertIn("nothing was sent", str(caught.exception))
        self.assertEqual([(alert["alert"], alert["state"]) for alert in alerts], [("key", "rejected")])
        (key,) = [key for key in client.stats()["keys"] if key["calls"]]
        self.assertEqual((key["key"], key["state"], key["calls"]), (alerts[0]["key"], "rejected", 1))

    def test_limits(self) -> None:
        providers = self.mock.config()["providers"]
        for provider in providers.values():
            provider["limits"] = {"requests_per_minute": 1, "wait_ms": 0}
        client = self.open({"providers": providers})
        self.reply(text="x")
        self.assertEqual(client.ask(MODEL, "Hello", priority=7), "x")
        with self.assertRaises(LimitedError) as caught:
            client.ask(MODEL, "Hello", priority=-7)
        self.assertEqual(caught.exception.status, "E_LIMITED")
        self.assertGreater(caught.exception.retry_after or 0, 1)
        with self.assertRaises(RequestError):
            client.ask(MODEL, "Hello", priority=1001)

    def test_an_exception(self) -> None:
        def broken(alert: dict) -> None:
            raise KeyError("alert")

        client = self.open(
            {"budgets": [{"name": "b", "limit": "0.001 USD", "alert_at": [0.5]}]}, on_alert=broken
        )
        self.reply(text="x", usage={"prompt": 6000, "completion": 10})
        with unraisable() as seen:
            self.assertEqual(client.ask(MODEL, "Hello", max_tokens=100), "x")
            client.close()
        self.assertEqual({type(error) for error in seen}, {KeyError})


class Judges(MockCase):
    def setUp(self) -> None:
        super().setUp()
        self.mock.script(
            {
                "rules": [
                    {"match": {"model": "gpt-4o"}, "reply": {"text": "large"}},
                    {"match": {}, "reply": {"text": "smäll"}},
                ]
            }
        )

    def test_verdicts(self) -> None:
        heard = []
        for verdict, text in (
            (True, "smäll"),
            (False, "large"),
            (None, "smäll"),
            (1, "smäll"),
            (0, "large"),
        ):

            def strict(question: str, answer: str, verdict=verdict):
                heard.append((question, answer))
                return verdict

            with self.subTest(verdict):
                self.assertEqual(
                    self.open(CASCADE, judges={"strict": strict}).ask("faq", "Grüß?"), text
                )
        self.assertEqual(heard, [("Grüß?", "smäll")] * 5)

    def test_an_exception_accepts_the_answer(self) -> None:
        def strict(question: str, answer: str) -> bool:
            raise ZeroDivisionError

        client = self.open(CASCADE, judges={"strict": strict})
        with unraisable() as seen:
            self.assertEqual(client.ask("faq", "Hello"), "smäll")
        self.assertEqual([type(error) for error in seen], [ZeroDivisionError])

    def test_wrong_names(self) -> None:
        with self.assertRaises(LlmcostError):
            self.open(judges={"": lambda q, a: True})
        with self.assertRaises(TypeError):
            self.open(judges={5: lambda q, a: True})


CHOOSE = {
    "routes": {
        "auto": {
            "choose": [{"when": {"label": "large"}, "use": "openai/gpt-4o"}, {"use": MODEL}],
            "label_with": "host:topic",
            "labels": ["small", "large"],
        }
    }
}


class Labellers(MockCase):
    def test_a_label_decides(self) -> None:
        heard = []

        def topic(question: str) -> str:
            heard.append(question)
            return "large" if "ü" in question else "small"

        client = self.open(CHOOSE, labellers={"topic": topic})
        self.assertEqual(client.chat("auto", "Grüß?").receipt["lines"][0]["model"], "gpt-4o")
        answer = client.chat("auto", "Hello")
        self.assertEqual(answer.receipt["lines"][0]["model"], "gpt-4o-mini")
        self.assertIn("the host says so", answer.receipt["route"][0]["why"])
        self.assertEqual(heard, ["Grüß?", "Hello"])

    def test_without_a_label_it_is_the_middle_one(self) -> None:
        client = self.open(CHOOSE)
        client.add_labeller("topic", lambda question: None)
        answer = client.chat("auto", "Hello")
        self.assertEqual(answer.receipt["lines"][0]["model"], "gpt-4o")
        self.assertIn("could not tell", answer.receipt["degraded"])
        with self.assertRaises(MisuseError):
            client.add_labeller("late", lambda question: None)

    def test_what_is_no_label(self) -> None:
        for label, kind in (("x" * 257, ValueError), ("a\0b", ValueError), (5, TypeError)):
            with self.subTest(label), unraisable() as seen:
                client = self.open(CHOOSE, labellers={"topic": lambda question, label=label: label})
                self.assertIn("could not tell", client.chat("auto", "Hello").receipt["degraded"])
            self.assertEqual([type(error) for error in seen], [kind])


class KeySources(MockCase):
    def open_with(self, source) -> Client:
        config = self.mock.config()
        config["providers"]["openai"]["key"] = "host:vault"
        client = Client(config, key_sources={"vault": source})
        self.addCleanup(client.close)
        return client

    def setUp(self) -> None:
        super().setUp()
        self.mock.script({"require_key": "sk-second", "default": {"reply": {"text": "fine"}}})

    def test_a_rejected_key_is_asked_for_again(self) -> None:
        asked = []

        def vault(provider: str, rejected: bool):
            asked.append((provider, rejected))
            return ("sk-second" if rejected else "sk-first"), 60

        client = self.open_with(vault)
        self.assertEqual([client.ask(MODEL, "Hello") for _ in range(3)], ["fine"] * 3)
        self.assertEqual(asked, [("openai", False), ("openai", True)])

    def test_a_key_for_one_call(self) -> None:
        asked = []

        def vault(provider: str, rejected: bool) -> str:
            asked.append(rejected)
            return "sk-second"

        client = self.open_with(vault)
        client.ask(MODEL, "Hello")
        self.assertEqual("".join(client.stream(MODEL, "Hello")), "fine")
        self.assertEqual(asked, [False, False])

    def test_what_is_no_key(self) -> None:
        for given in ("", "x" * 20000, "schlüssel", None, ("a", None), 5):
            with self.subTest(given=str(given)[:20]):
                with unraisable() as seen, self.assertRaises(CredentialsError):
                    self.open_with(lambda provider, rejected, given=given: given).ask(MODEL, "Hi")
                self.assertEqual(len(seen), 0 if given == "" else 1)

    def test_wrong_names(self) -> None:
        with self.assertRaises(LlmcostError):
            self.open(key_sources={"": lambda provider, rejected: "k"})
        with self.assertRaises(TypeError):
            self.open(key_sources={5: lambda provider, rejected: "k"})


if __name__ == "__main__":
    unittest.main()
