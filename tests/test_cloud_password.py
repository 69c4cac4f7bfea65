"""Generated Cloud passwords, and how they are told from chosen ones."""

from __future__ import annotations

import string
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cloud_password import (
    CHOSEN_ITERATIONS,
    GENERATED_ITERATIONS,
    generate,
    is_generated,
    iterations_for,
)


class CloudPasswordTests(SynchronousTestCase):
    def test_a_generated_one_is_four_groups_of_seven(self) -> None:
        groups = generate().split("-")
        self.assertEqual([len(group) for group in groups], [7] * 4)

    def test_each_of_26_symbols_is_a_free_choice_of_32(self) -> None:
        asked: list[str] = []

        def choice(alphabet: str) -> str:
            asked.append(alphabet)
            return alphabet[len(asked) % len(alphabet)]

        generate(choice)
        self.assertEqual(len(asked), 26)
        self.assertEqual({len(set(alphabet)) for alphabet in asked}, {32})

    def test_nothing_in_it_can_be_misread(self) -> None:
        symbols = cycle(string.digits + string.ascii_lowercase)
        taken: set[str] = set()

        def choice(alphabet: str) -> str:
            taken.update(alphabet)
            return alphabet[0]

        generate(choice)
        allowed = {next(symbols) for _ in range(36)} - set("ilou")
        self.assertEqual(taken, allowed)

    def test_two_are_never_the_same(self) -> None:
        self.assertEqual(len({generate() for _ in range(100)}), 100)

    def test_a_generated_one_is_known_as_such(self) -> None:
        for _ in range(50):
            password = generate()
            self.assertTrue(is_generated(password))
            self.assertEqual(iterations_for(password), GENERATED_ITERATIONS)

    def test_one_changed_symbol_makes_it_a_chosen_one(self) -> None:
        # By its check sum, 1 in 1,024 passes: so not any change, but most.
        password = generate(lambda alphabet: alphabet[7])
        taken_for_generated = [
            other
            for at in range(len(password))
            for symbol in "0123456789abcdefghjkmnpqrstvwxyz"
            if (other := password[:at] + symbol + password[at + 1 :]) != password
            and is_generated(other)
        ]
        self.assertLess(len(taken_for_generated), 10)

    def test_another_form_is_a_chosen_one(self) -> None:
        password = generate()
        for other in (
            "",
            password.upper(),
            password.replace("-", ""),
            password + "\n",
            " " + password,
            password[:-1],
            password + "0",
        ):
            self.assertFalse(is_generated(other), other)
            self.assertEqual(iterations_for(other), CHOSEN_ITERATIONS)

    @given(st.text(max_size=60))
    def test_whatever_people_choose_can_be_asked_about(self, text: str) -> None:
        self.assertIn(iterations_for(text), (CHOSEN_ITERATIONS, GENERATED_ITERATIONS))
