"""JUnit files, read by real parsers, and commands for GitHub's runner. LLAMA2_BIN names the folder of the programs."""

import re
import unittest
import xml.etree.ElementTree as ElementTree

from ci_support import CHECKS, COMPARISONS, EXPLANATIONS, HOSTILE, CITestCase, make_coarse, needs


class JUnitTests(CITestCase):
    def check(self, arguments, status):
        path = self.folder / "result.xml"
        path.unlink(missing_ok=True)
        outcome = self.tracediff(*arguments, "--junit", "result.xml")
        self.assertEqual(outcome.returncode, status, (arguments, outcome.stderr))
        root = ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "testsuites")
        suites = root.findall("testsuite")
        self.assertEqual(len(suites), 1)
        cases = suites[0].findall("testcase")
        for element in (root, suites[0]):
            self.assertEqual(int(element.get("tests")), len(cases))
            for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                self.assertEqual(int(element.get(name)), sum(case.find(tag) is not None for case in cases), name)
        names = [(case.get("classname"), case.get("name")) for case in cases]
        self.assertEqual(len(set(names)), len(names))
        failures, errors = int(root.get("failures")), int(root.get("errors"))
        self.assertEqual(status == 0, failures == errors == 0, arguments)
        if status == 1:
            self.assertGreater(failures, 0, arguments)
        if status == 2:
            self.assertGreater(errors, 0, arguments)
        return suites[0], {name: case for name, case in zip(names, cases)}

    def test_comparisons(self):
        for arguments, status, verdict in COMPARISONS:
            with self.subTest(arguments):
                suite, _ = self.check(arguments, status)
                properties = {p.get("name"): p.get("value") for p in suite.find("properties")}
                self.assertEqual(properties, {"verdict": verdict, "exit_status": str(status)})

    def test_explanations(self):
        make_coarse(self.folder)
        for arguments, status, _ in EXPLANATIONS:
            with self.subTest(arguments):
                self.check(["explain"] + arguments, status)

    def test_goldens(self):
        for arguments, status, verdict in CHECKS:
            with self.subTest(arguments):
                suite, _ = self.check(["golden", "check"] + arguments, status)
                properties = {p.get("name"): p.get("value") for p in suite.find("properties")}
                self.assertEqual(properties, {"verdict": verdict, "exit_status": str(status)})

    def test_places_of_goldens(self):
        _, cases = self.check(["golden", "check", "expected.golden", "expected.trace"], 0)
        self.assertEqual(len(cases), 3 * 17 + 3)
        _, cases = self.check(["golden", "check", "expected.golden", "far.trace"], 1)
        wrong = {name for name, case in cases.items() if case.find("failure") is not None}
        self.assertEqual(wrong, {("q.rope", "layer 1")})
        failure = cases[("q.rope", "layer 1")].find("failure")
        self.assertEqual(failure.get("message"), "1 of 8 records beyond tolerance, first at position 4")
        self.assertIn("first beyond tolerance: q.rope, layer 1, position 4", failure.text)
        for arguments, side in ((["expected.golden", "part.trace"], "trace"), (["part.golden", "expected.trace"], "golden")):
            _, cases = self.check(["golden", "check"] + arguments, 2)
            self.assertEqual(
                cases[("q.rope", "layer 1")].find("error").get("message"),
                "the %s lacks 1 record, first at position 4: missing" % side)
        _, cases = self.check(["golden", "check", "missing.golden", "expected.trace"], 2)
        self.assertIn("missing.golden: ", cases[("expected", "trace")].find("error").get("message"))
        _, cases = self.check(["golden", "check", "damaged.golden", "expected.trace"], 2)
        self.assertRegex(cases[("expected", "trace")].find("error").get("message"), r"damaged.golden: line \d+")

    def test_goldens_have_the_cases_of_comparisons(self):
        def statuses(arguments):
            _, cases = self.check(arguments, self.tracediff(*arguments).returncode)
            return [(name, [tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None])
                    for name, case in cases.items()]
        for trace in ("same", "far", "tokens", "part", "shapes", "foreign", "model", "damaged"):
            for options in ([], ["--only", "k"], ["--only", "q.rope,k", "--layers", "1"], ["--common"]):
                with self.subTest((trace, options)):
                    compared = statuses(["expected.trace", trace + ".trace"] + options)
                    checked = statuses(["golden", "check", "expected.golden", trace + ".trace"] + options)
                    self.assertEqual(checked, compared)

    def test_places(self):
        _, cases = self.check(["expected.trace", "far.trace"], 1)
        self.assertEqual(len(cases), 3 * 17 + 3)
        wrong = {name for name, case in cases.items() if case.find("failure") is not None}
        self.assertEqual(wrong, {("q.rope", "layer 1")})
        failure = cases[("q.rope", "layer 1")].find("failure")
        self.assertEqual(failure.get("message"), "1 of 8 records beyond tolerance, first at position 4")
        self.assertIn("first beyond tolerance: q.rope, layer 1, position 4", failure.text)
        self.assertIn("allowance", failure.text)
        _, cases = self.check(["expected.trace", "part.trace"], 2)
        self.assertIn("actual lacks 1 record", cases[("q.rope", "layer 1")].find("error").get("message"))
        _, cases = self.check(["expected.trace", "expected.trace", "--only", "k", "--layers", "1"], 0)
        self.assertEqual(cases[("q.rope", "layer 1")].find("skipped").get("message"), "not asked for")
        self.assertIsNone(cases[("k.rope", "layer 1")].find("skipped"))

    def test_hostile_names_come_back(self):
        suite, cases = self.check(["hostile.trace", "<&'\">::x.trace"], 1)
        self.assertEqual(suite.get("name"), "hostile.trace <&'\">::x.trace")
        self.assertEqual({name for name, _ in cases}, set(HOSTILE))
        self.assertIn("\\x1b</failure>", next(iter(cases.values())).find("failure").text)

    def test_trouble(self):
        for arguments in (["expected.trace", "same.trace", "--only", "nothing"], ["expected.trace", "."]):
            self.check(arguments, 2)

    @needs("junitparser")
    def test_by_junitparser(self):
        import junitparser
        make_coarse(self.folder)
        every = [(arguments, status) for arguments, status, _ in COMPARISONS]
        every += [(["explain"] + arguments, status) for arguments, status, _ in EXPLANATIONS]
        every += [(["golden", "check"] + arguments, status) for arguments, status, _ in CHECKS]
        for arguments, status in every:
            with self.subTest(arguments):
                self.tracediff(*arguments, "--junit", "result.xml")
                document = junitparser.JUnitXml.fromfile(str(self.folder / "result.xml"))
                suite, = list(document)
                results = [type(result).__name__ for case in suite for result in case.result]
                self.assertEqual(results.count("Failure"), suite.failures)
                self.assertEqual(results.count("Error"), suite.errors)
                self.assertEqual(results.count("Skipped"), suite.skipped)
                self.assertEqual(len(list(suite)), suite.tests)
                self.assertEqual(suite.failures + suite.errors > 0, status > 0)
                document.update_statistics()


class GitHubTests(CITestCase):
    def test_nothing_but_our_commands_is_a_command(self):
        """Reads the output as the runner does: lines that begin with `::`, blanks before them passed over."""
        every = COMPARISONS + [(["expected.trace", "same.trace", "--only", "x,y"], 2, "trouble")]
        checks = CHECKS + [(["expected.golden", "same.trace", "--only", "x,y"], 2, "trouble")]
        every = [("tracediff", *case) for case in every]
        every += [("tracediff golden check", ["golden", "check"] + arguments, *rest) for arguments, *rest in checks]
        for tool, arguments, status, verdict in every:
            with self.subTest(arguments):
                page = self.folder / "page.md"
                page.unlink(missing_ok=True)
                outcome = self.tracediff(*arguments, "--github", GITHUB_STEP_SUMMARY=str(page))
                self.assertEqual(outcome.returncode, status)
                commands, token = [], None
                for line in outcome.stdout.decode().split("\n"):
                    line = line.strip()
                    if token is not None:
                        token = None if line == "::%s::" % token else token
                    elif line.startswith("::stop-commands::"):
                        token = line[len("::stop-commands::"):]
                    elif line:
                        commands.append(line)
                self.assertIsNone(token)
                pattern = r"::(error|notice) title=([^:,\r\n]*)::[^\r\n]+"
                titles = [re.fullmatch(pattern, command).groups() for command in commands]
                self.assertEqual(titles[0], ("error" if status else "notice", tool + "%3A " + verdict))
                self.assertLessEqual(len(titles), 10)
                text = page.read_text(encoding="utf-8")
                self.assertIn(tool + "\\: " + verdict.replace("_", "\\_"), text.split("\n")[0])
                self.assertNotIn("<b>", text)


if __name__ == "__main__":
    unittest.main()
