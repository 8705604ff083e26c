"""The registry under 64 processes, some of them killed: the integration test, with many operations."""

import os
import re

from fault_case import SEED, FaultCase, count
from processes import program, run


class Registry(FaultCase):
    needs_docker = False

    def test_storm_with_kills_gives_no_port_to_two_and_loses_none(self):
        operations, kills = count(8, 1000), count(40, 1000)
        storm = run(
            [program("FAIRLEAD_REGISTRY_TEST"), "--gtest_filter=RegistryStorm.NeverGives*"],
            env={
                **os.environ,
                "FAIRLEAD_STORM_OPERATIONS": str(operations),
                "FAIRLEAD_STORM_KILLS": str(kills),
                "FAIRLEAD_STORM_SEED": str(SEED),
            },
            timeout=self.limit,
            check=False,
        )
        self.assertEqual(storm.rc, 0, storm)
        said = re.search(r"storm: (.*)", storm.out)
        self.assertIn("1 test.", storm.out)
        self.assertTrue(said, storm)
        self.report(said.group(1))
