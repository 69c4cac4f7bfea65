"""The same with PostgreSQL for the server's database."""

from __future__ import annotations

from tests.chaos.case import ChaosTestCase
from tests.postgresql import Cluster, cluster


class OnPostgreSQL(ChaosTestCase):
    """Goes before the class whose tests are to be run so."""

    def setUp(self) -> None:
        self.cluster: Cluster = cluster()
        self.database = self.cluster.create_database()
        self.addCleanup(self.cluster.drop_database, self.database)
        super().setUp()

    def server_options(self) -> tuple[str, ...]:
        url = self.cluster.tcp_url(self.database)
        return (*super().server_options(), f"--database={url}")

    def sessions(self) -> list[int]:
        """The processes of PostgreSQL that serve ours."""
        rows = self.cluster.query(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.database}'"
        )
        return [pid for (pid,) in rows]

    def assert_nothing_is_left(self) -> None:
        """Nor a connection to the database."""
        super().assert_nothing_is_left()
        self.assertEqual(len(self.sessions()), 1)
