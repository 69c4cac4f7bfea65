"""Tables of systems: what is read, what is refused, what a spreadsheet gets."""

from __future__ import annotations

import contextlib
import csv
import io
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.web.api.csv_cells import guard, to_csv, unguard
from cfos_cloud.web.api.csv_import import MAX_CHOSEN, MAX_SYSTEMS, Table, read_table
from cfos_cloud.web.problem import BadTable


class CellTests(SynchronousTestCase):
    def test_no_cell_is_a_formula(self) -> None:
        for text in ("=1+1", "+1", "-1", "@SUM(1)", "\ta", "\ra", " =1", '"=1'):
            self.assertEqual(guard(text), "'" + text)

    def test_nor_is_a_part_where_another_country_s_separator_is_in_it(self) -> None:
        for separator in (";", ",", "\t", "\n", "\r"):
            for rest in ("=1+1", "+1", "-1", "@SUM(1)", " =1", '"=1', "'=1"):
                text = f"a{separator}{rest}"
                self.assertEqual(guard(text), f"a{separator}'{rest}")
        self.assertEqual(guard("=1;b;-2"), "'=1;b;'-2")

    @given(st.text(alphabet="=+-@;,\t\r\n'\" a1"))
    def test_no_separator_of_any_country_makes_a_formula_of_it(self, text: str) -> None:
        line = to_csv([["first", text]])
        for part in re.split(r"[;,\t\r\n]", line)[1:]:
            self.assertNotRegex(part, r"\A[ \"]*[=+\-@]")

    def test_what_is_no_formula_stays_as_it_is(self) -> None:
        for text in ("", "a=b", "1", "'quoted'", "2001:db8::1", "Left; right, 1-2"):
            self.assertEqual(guard(text), text)

    @given(st.text() | st.text(alphabet="=+-@;,\t\r\n'\" a1"))
    def test_what_is_guarded_comes_back(self, text: str) -> None:
        self.assertEqual(unguard(guard(text)), text)

    @given(
        st.lists(
            st.lists(
                st.text(
                    alphabet=st.characters(
                        exclude_characters="\0\r\n", exclude_categories=["Cs"]
                    )
                ),
                min_size=2,
            ),
            min_size=1,
        )
    )
    def test_every_text_can_be_read_again(self, rows: list[list[str]]) -> None:
        read = [list(row) for row in csv.reader(io.StringIO(to_csv(rows), newline=""))]
        self.assertEqual(read, [[guard(cell) for cell in row] for row in rows])

    def test_numbers_truths_and_nothing_have_their_forms(self) -> None:
        self.assertEqual(to_csv([[1, True, False, None, "x"]]), "1,true,false,,x\r\n")


class TableCase(SynchronousTestCase):
    def read(
        self, text: str | bytes, *taken: str, skip_existing: bool = False
    ) -> Table:
        data = text.encode() if isinstance(text, str) else text
        known = {name.lower() for name in taken}
        return read_table(
            data, lambda name: name.lower() in known, skip_existing=skip_existing
        )

    def systems(self, text: str | bytes, *taken: str) -> list[tuple[object, ...]]:
        return [
            (row.line, row.system.cloud_id, row.system.name, row.enabled)
            for row in self.read(text, *taken).rows
        ]

    def refused(self, text: str | bytes, *taken: str) -> BadTable:
        error: BadTable = self.assertRaises(BadTable, self.read, text, *taken)
        return error


class ReadTests(TableCase):
    def test_a_column_is_enough(self) -> None:
        self.assertEqual(self.systems("cloud_id\na\n"), [(2, "a", "", True)])

    def test_columns_come_in_any_order_and_case_and_more_are_ignored(self) -> None:
        text = "Enabled,created,NAME,Cloud_ID,password\nfalse,x,Garage,a,\n"
        self.assertEqual(self.systems(text), [(2, "a", "Garage", False)])

    def test_semicolons_and_tabs_are_as_good_as_commas(self) -> None:
        for delimiter in ",;\t":
            text = "cloud_id,name\na,Garage\n".replace(",", delimiter)
            self.assertEqual(self.systems(text), [(2, "a", "Garage", True)])

    def test_what_spreadsheets_add_is_no_part_of_it(self) -> None:
        text = '\ufeffcloud_id,name\r\n"a","My ""own"", here"\r\n\r\n,,\r\n b , x \r\n'
        expected = [(2, "a", 'My "own", here', True), (5, "b", "x", True)]
        self.assertEqual(self.systems(text), expected)

    def test_short_lines_have_nothing_in_the_rest(self) -> None:
        text = "cloud_id,name,password,enabled\na\nb,B\n"
        self.assertEqual(self.systems(text), [(2, "a", "", True), (3, "b", "B", True)])

    def test_lines_are_counted_as_an_editor_does(self) -> None:
        error = self.refused('cloud_id,name\n"a","two\nlines"\n-b,\n')
        lines = [(line.line, line.field) for line in error.lines]
        self.assertEqual(lines, [(2, "name"), (4, "cloud_id")])

    def test_passwords_are_taken_as_they_are(self) -> None:
        (row,) = self.read("cloud_id,password\na, a chosen password\n").rows
        self.assertEqual(row.system.password, "a chosen password")
        (row,) = self.read("cloud_id,password\na,'=chosen;'-password\n").rows
        self.assertEqual(row.system.password, "'=chosen;'-password")
        (row,) = self.read("cloud_id,password\na,\n").rows
        self.assertIsNone(row.system.password)

    def test_a_name_that_was_guarded_loses_its_apostrophe(self) -> None:
        (row,) = self.read("cloud_id,name\na,'=1+1\n").rows
        self.assertEqual(row.system.name, "=1+1")
        (row,) = self.read('cloud_id;name\na;"Left;\'-1"\n').rows
        self.assertEqual(row.system.name, "Left;-1")

    def test_who_is_there_may_be_skipped(self) -> None:
        table = self.read("cloud_id\nA\nb\n", "a", skip_existing=True)
        self.assertEqual([row.system.cloud_id for row in table.rows], ["b"])
        self.assertEqual(table.skipped, 1)


class RefuseTests(TableCase):
    def test_all_wrong_lines_are_told(self) -> None:
        error = self.refused(
            "cloud_id,name,password,enabled\n"
            "a--b,,,\n"
            "ok,,,\n"
            "short,,elevenchars,\n"
            "maybe,,,perhaps\n"
            "OK,,,\n"
            "taken,,,\n",
            "Taken",
        )
        told = [(line.line, line.field) for line in error.lines]
        self.assertEqual(
            told,
            [
                (2, "cloud_id"),
                (4, "password"),
                (5, "enabled"),
                (6, "cloud_id"),
                (7, "cloud_id"),
            ],
        )
        self.assertIn("line 3", error.lines[3].detail)
        self.assertIn("5 lines are wrong", str(error))
        self.assertNotIn("elevenchars", str([vars(line) for line in error.lines]))

    def test_of_very_many_the_first_are_told_and_how_many_more(self) -> None:
        error = self.refused("cloud_id\n" + "-\n" * 1234)
        self.assertEqual([line.line for line in error.lines], list(range(2, 102)))
        self.assertEqual(error.more, 1134)
        self.assertIn("1234 lines are wrong", str(error))
        self.assertEqual(self.refused("cloud_id\n-\n").more, 0)

    def test_what_is_no_table_is_said_in_a_line(self) -> None:
        for data, words in (
            (b"", "empty"),
            (b"\n\n,,\n", "empty"),
            (b"name\nx\n", "columns"),
            (b"a,b\n", "columns"),
            (b"cloud_id\n\xff\n", "UTF-8"),
            (b"cloud_id\na\0b\n", "NUL"),
            (b'cloud_id\n"a\n', "can't be read"),
            (b'cloud_id\n"a"b\n', "can't be read"),
            (b"cloud_id" + b",x" * 50 + b"\na\n", "50 columns"),
        ):
            error = self.refused(data)
            self.assertIn(words, str(error))
            self.assertEqual(len(str(error).splitlines()), 1)

    def test_its_size_is_bounded(self) -> None:
        ids = [f"s{number}" for number in range(MAX_SYSTEMS + 1)]
        text = "cloud_id\n" + "\n".join(ids[:-1])
        self.assertEqual(len(self.read(text).rows), MAX_SYSTEMS)
        self.assertIn("1000 systems", str(self.refused(text + "\n" + ids[-1])))

    def test_so_is_what_its_passwords_cost(self) -> None:
        lines = [f"s{number},a chosen password" for number in range(MAX_CHOSEN + 1)]
        text = "cloud_id,password\n" + "\n".join(lines[:-1])
        self.assertEqual(len(self.read(text).rows), MAX_CHOSEN)
        self.assertIn("100 passwords", str(self.refused(text + "\n" + lines[-1])))

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        with contextlib.suppress(BadTable):
            self.read(b"cloud_id,name\n" + data)
