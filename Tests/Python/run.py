"""Runs all Python tests, or those that are named (test_port, test_port.ProgramTests, ...), and says which were skipped and
why: `python3 Tests/Python/run.py [NAME...]`."""

import os
import sys
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)
loader = unittest.TestLoader()
tests = loader.loadTestsFromNames(sys.argv[1:]) if sys.argv[1:] else loader.discover(FOLDER, top_level_dir=FOLDER)
result = unittest.TextTestRunner().run(tests)
for test, reason in result.skipped:
    print("SKIPPED %s: %s" % (test.id(), reason), file=sys.stderr)
sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
