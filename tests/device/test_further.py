"""``--also NAME=URL``."""

from __future__ import annotations

import argparse

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.check_options import add_arguments, options_of
from cfos_cloud.device.further import (
    MAX_FURTHER,
    FurtherDevice,
    InvalidFurther,
    check_further,
    parse_further,
)
from cfos_cloud.device.options import Options
from cfos_cloud.device.origin import parse_origin

LINE = (
    *("--server", "https://cloud.example.org", "--cloud-id", "a"),
    *("--password-file", "f", "--target", "http://192.168.1.20"),
)


def options(*more: str) -> Options:
    made = Options()
    try:
        made.parseOptions([*LINE, *more])
    except SystemExit:
        raise UsageError from None
    return made


class FurtherTests(SynchronousTestCase):
    def test_a_name_and_an_address(self) -> None:
        for text, name, origin in (
            ("meter=http://192.168.1.30", "meter", "http://192.168.1.30"),
            ("2=http://[fe80::1]:8080/", "2", "http://[fe80::1]:8080"),
            ("a" * 20 + "=http://meter.local", "a" * 20, "http://meter.local"),
        ):
            device = parse_further(text)
            self.assertEqual((device.name, str(device.origin)), (name, origin))

    def test_anything_else_is_one_line(self) -> None:
        for text, words in (
            ("meter", "is not NAME=URL"),
            ("", "is not NAME=URL"),
            ("=http://h", "1 to 20 of a-z and 0-9"),
            ("Meter=http://h", "1 to 20 of a-z and 0-9"),
            ("a-b=http://h", "1 to 20 of a-z and 0-9"),
            ("meter\n=http://h", "1 to 20 of a-z and 0-9"),
            ("a" * 21 + "=http://h", "1 to 20 of a-z and 0-9"),
            ("x" * 5000 + "=http://h", "1 to 20 of a-z and 0-9"),
            ("xn=http://h", "can't be named 'xn'"),
            ("meter=", "meter: '' is not an address"),
            ("meter=ftp://h", "meter: 'ftp://h' is not an address"),
            ("meter=http://h/page", "more than scheme, host and port"),
            ("meter=http://u:p@h", "no usable host"),
            ("meter=http://h:99999", "not an address"),
        ):
            error = self.assertRaises(InvalidFurther, parse_further, text)
            self.assertIn(words, str(error))
            self.assertNotIn("\n", str(error))
            self.assertLess(len(str(error)), 200)

    def test_there_are_16_of_different_names_without_tls(self) -> None:
        origin = parse_origin("http://h")
        most = [FurtherDevice(f"d{n}", origin) for n in range(MAX_FURTHER)]
        check_further(most)
        for devices, words in (
            ([*most, FurtherDevice("more", origin)], "16 further devices at most"),
            ([*most[:2], most[0]], "d0 is there twice"),
            ([FurtherDevice("s", parse_origin("https://h"))], "s: https addresses"),
        ):
            error = self.assertRaises(InvalidFurther, check_further, devices)
            self.assertIn(words, str(error))


class OptionTests(SynchronousTestCase):
    def test_it_may_be_given_again_and_again(self) -> None:
        made = options("--also", "meter=http://h", "--also=inverter=http://h:81")
        self.assertEqual([each.name for each in made.also], ["meter", "inverter"])
        self.assertEqual(options().also, [])

    def test_the_check_takes_the_same_line(self) -> None:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        line = (*LINE, "--also", "meter=http://h", "--also", "b=http://i")
        made = options_of(parser.parse_args(line))
        self.assertEqual([each.name for each in made.also], ["meter", "b"])
        wrong = parser.parse_args(
            (*LINE, "--also", "b=http://h", "--also", "b=http://i")
        )
        error = self.assertRaises(UsageError, options_of, wrong)
        self.assertEqual(str(error), "--also: b is there twice")
