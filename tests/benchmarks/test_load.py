"""What wrk and curl say is understood, and their errors are not counted as speed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.load import Rate, Subject, parse_wrk
from benchmarks.processes import RunFailed

OUTPUT = """\
Running 2s test @ https://127.0.0.1:44301/1k.bin
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.85ms    0.91ms  21.50ms   93.11%
    Req/Sec    17.50k   610.21     18.4k    75.00%
  Latency Distribution
     50%  980.00us
     75%    1.97ms
     90%    2.38ms
     99%    1.02s
  34911 requests in 2.00s, 41.62MB read
Requests/sec:  17432.41
Transfer/sec:     20.78MB
"""


class WrkTests(SynchronousTestCase):
    def test_rate_and_latencies_are_read_in_their_units(self) -> None:
        self.assertEqual(parse_wrk(OUTPUT), Rate(17432.41, 0.98, 1020.0))

    def test_answers_that_are_no_success_fail_the_run(self) -> None:
        error = self.assertRaises(
            RunFailed, parse_wrk, OUTPUT + "  Non-2xx or 3xx responses: 7\n"
        )
        self.assertIn("7", str(error))

    def test_connections_that_broke_fail_the_run(self) -> None:
        line = "  Socket errors: connect 0, read 3, write 0, timeout 0\n"
        self.assertRaises(RunFailed, parse_wrk, OUTPUT + line)

    def test_other_output_fails_the_run(self) -> None:
        self.assertRaises(RunFailed, parse_wrk, "unable to connect")

    def test_a_session_goes_along_as_a_cookie(self) -> None:
        self.assertEqual(Subject("a", 1).header(), [])
        self.assertEqual(Subject("a", 1, "s=1").header(), ["-H", "Cookie: s=1"])
