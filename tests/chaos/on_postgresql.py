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

    def assert_nothing_is_left(self) -> None:
        """Nor a connection to the database."""
        super().assert_nothing_is_left()
        self.assertEqual(len(self.cluster.sessions(self.database)), 1)
