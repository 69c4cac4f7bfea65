"""Lines between device end and server that are cut, late, reset or half closed."""

from __future__ import annotations

import time

from tests.chaos.case import DEAD_SECONDS, RETURN_SECONDS, ChaosTestCase
from tests.chaos.link import Link
from tests.chaos.network import Network
from tests.chaos.visits import Ending

#: Seconds that TCP makes good, and after which it may wait a while to try again.
SHORT = 6.0
SLACK = 15.0


class CutTests(ChaosTestCase):
    """A cable between two networks, as real as a kernel has them."""

    def setUp(self) -> None:
        super().setUp()
        self.network = Network()
        self.addCleanup(self.network.close)
        self.start(host=self.network.here, far=self.network)
        self.settle()

    def test_a_cut_of_seconds_is_made_good_and_a_long_one_is_seen_in_time(
        self,
    ) -> None:
        begun = self.begin_all()
        self.network.cut()
        time.sleep(SHORT)
        self.network.mend()
        endings = self.finish(begun)
        # A device has 2.5 s for its answer to a log-in.
        self.assertNotEqual(endings.pop("log-in"), Ending.CUT)
        self.assertEqual(set(endings.values()), {Ending.DONE}, endings)
        self.assertEqual(self.device.process.log.count("connected to "), 1)

        begun = self.begin_all()
        self.network.cut()
        began = time.monotonic()
        self.wait_online(online=False, seconds=DEAD_SECONDS + SLACK)
        self.assertGreater(time.monotonic() - began, 20.0)
        endings = self.finish(begun)
        self.assert_broken(endings)
        self.assert_offline_is_said()
        self.device.process.wait_for_log("lost the tunnel", seconds=DEAD_SECONDS)
        self.network.mend()
        self.wait_online()
        self.assert_nothing_is_left()
        self.assert_no_complaints()


class LateTests(ChaosTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start(through=self.make_link)
        self.settle()

    def make_link(self, port: int) -> Link:
        self.link = Link(port)
        self.addCleanup(self.link.close)
        return self.link

    def test_a_late_line_is_slow_and_nothing_else(self) -> None:
        self.link.delay = 0.15
        self.assert_all_works()
        self.link.delay = 0.0
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_one_that_is_reset_again_and_again_is_a_new_tunnel_each_time(self) -> None:
        for times in range(2, 5):
            # A door takes no more than so many handshakes of one address at once.
            self.browser.source = self.new_source()
            begun = self.begin_all()
            self.link.reset()
            endings = self.finish(begun)
            self.assert_broken(endings)
            self.device.process.wait_for_log("connected to ", times, RETURN_SECONDS)
            self.wait_online()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_one_that_is_half_closed_is_no_tunnel(self) -> None:
        begun = self.begin_all()
        self.link.half_close()
        endings = self.finish(begun)
        self.assert_broken(endings)
        self.device.process.wait_for_log("connected to ", 2, RETURN_SECONDS)
        self.wait_online()
        self.assert_nothing_is_left()
        self.assert_no_complaints()

    def test_one_on_which_nothing_passes_is_noticed_by_both_ends(self) -> None:
        begun = self.begin_all()
        self.link.dead = True
        self.wait_online(online=False, seconds=DEAD_SECONDS + SLACK)
        endings = self.finish(begun)
        self.assert_broken(endings)
        self.device.process.wait_for_log("lost the tunnel", seconds=DEAD_SECONDS)
        self.link.dead = False
        self.device.process.wait_for_log("connected to ", 2, RETURN_SECONDS)
        self.wait_online()
        self.assert_nothing_is_left()
        self.assert_no_complaints()


class EndToEndCutTests(CutTests):
    end_to_end = True


class EndToEndLateTests(LateTests):
    end_to_end = True
