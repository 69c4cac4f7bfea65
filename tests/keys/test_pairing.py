"""Windows in which an application may ask for a key."""

from __future__ import annotations

import secrets

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys import pairing
from cfos_cloud.keys.pairing import (
    MAX_REQUESTS,
    WINDOW,
    Pairing,
    PairingClosed,
    TooManyRequests,
)


class PairingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.pairing = Pairing(self.clock.seconds)

    def test_it_is_closed_until_somebody_opens_it(self) -> None:
        self.assertFalse(self.pairing.is_open("CFOS-1"))
        self.assertIsNone(self.pairing.until("CFOS-1"))
        self.assertRaises(PairingClosed, self.pairing.take, "CFOS-1")

    def test_it_is_open_for_ten_minutes(self) -> None:
        self.assertEqual(WINDOW, 600)
        self.assertEqual(self.pairing.open("CFOS-1"), 1600)
        self.assertEqual(self.pairing.until("CFOS-1"), 1600)
        self.clock.advance(599.9)
        self.assertTrue(self.pairing.is_open("CFOS-1"))
        self.pairing.take("CFOS-1")
        self.clock.advance(0.1)
        self.assertFalse(self.pairing.is_open("CFOS-1"))
        self.assertIsNone(self.pairing.until("CFOS-1"))
        self.assertRaises(PairingClosed, self.pairing.take, "CFOS-1")

    def test_it_is_for_one_system_in_any_case(self) -> None:
        self.pairing.open("CFOS-1")
        self.assertTrue(self.pairing.is_open("cfos-1"))
        self.assertFalse(self.pairing.is_open("CFOS-2"))
        self.assertRaises(PairingClosed, self.pairing.take, "CFOS-2")
        self.pairing.close("Cfos-1")
        self.assertFalse(self.pairing.is_open("CFOS-1"))

    def test_closing_ends_it_at_once(self) -> None:
        self.pairing.open("CFOS-1")
        self.pairing.close("CFOS-1")
        self.assertRaises(PairingClosed, self.pairing.take, "CFOS-1")
        self.pairing.close("CFOS-1")
        self.pairing.close("CFOS-2")

    def test_five_may_ask(self) -> None:
        self.pairing.open("CFOS-1")
        codes = {self.pairing.take("CFOS-1") for _ in range(MAX_REQUESTS)}
        self.assertEqual((len(codes), MAX_REQUESTS), (5, 5))
        self.assertRaises(TooManyRequests, self.pairing.take, "CFOS-1")
        self.assertRaises(TooManyRequests, self.pairing.take, "cfos-1")
        self.assertTrue(self.pairing.is_open("CFOS-1"))

    def test_who_opens_it_anew_has_all_of_it(self) -> None:
        self.pairing.open("CFOS-1")
        for _ in range(MAX_REQUESTS):
            self.pairing.take("CFOS-1")
        self.clock.advance(100)
        self.assertEqual(self.pairing.open("CFOS-1"), 1700)
        for _ in range(MAX_REQUESTS):
            self.pairing.take("CFOS-1")
        self.assertEqual(len(self.pairing), 1)

    def test_what_is_over_is_forgotten(self) -> None:
        for number in range(100):
            self.pairing.open(f"CFOS-{number}")
        self.clock.advance(WINDOW)
        self.pairing.open("CFOS-1")
        self.assertEqual(len(self.pairing), 1)

    def test_there_is_a_bound_and_the_first_one_goes(self) -> None:
        self.patch(pairing, "MAX_WINDOWS", 3)
        for number in (1, 2, 1, 3, 3, 4):
            self.pairing.open(f"CFOS-{number}")
        self.assertEqual(len(self.pairing), 3)
        opened = [n for n in (1, 2, 3, 4) if self.pairing.is_open(f"CFOS-{n}")]
        self.assertEqual(opened, [1, 3, 4])


class CodeTests(SynchronousTestCase):
    def taken(self, random: bytes) -> list[str]:
        pairing = Pairing(Clock().seconds, lambda size: random[:size])
        pairing.open("CFOS-1")
        return [pairing.take("CFOS-1") for _ in range(MAX_REQUESTS)]

    def test_it_has_six_signs_that_nobody_mixes_up(self) -> None:
        for _ in range(50):
            for code in self.taken(secrets.token_bytes(4)):
                self.assertRegex(code, r"\A[2-9A-HJ-NP-Z]{3}-[2-9A-HJ-NP-Z]{3}\Z")

    def test_no_two_in_a_window_are_alike_whatever_the_dice_say(self) -> None:
        for random in (b"\x00" * 4, b"\xff" * 4, b"\x3f\xff\xff\xff"):
            self.assertEqual(len(set(self.taken(random))), MAX_REQUESTS)

    def test_every_bit_of_the_dice_counts(self) -> None:
        codes = {self.taken((1 << bit).to_bytes(4, "big"))[0] for bit in range(30)}
        self.assertEqual(len(codes), 30)
