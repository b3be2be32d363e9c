"""A test with a folder of its own."""
import os
import tempfile
import unittest


class FolderTestCase(unittest.TestCase):
    """Has `self.folder`, empty and removed afterwards, and in it the name `self.path` for a trace."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "a.trace")
