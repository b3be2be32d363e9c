"""What the two model programs do with bad files, bad options, full disks and closed pipes, run as a user runs them.

Everything is made by llama2-synthesize. LLAMA2_BIN names the folder of the programs.
"""

import mmap
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "reference"))
import tracefile  # noqa: E402

BIN = pathlib.Path(os.environ.get("LLAMA2_BIN", ROOT / "bin"))
SWIFT, C = "tracedump", "llama2-reference"
PROGRAMS = (SWIFT, C)


def integer(data, offset, value):
    return data[:offset] + struct.pack("<i", value) + data[offset + 4:]


@unittest.skipUnless(all((BIN / name).exists() for name in PROGRAMS + ("llama2-synthesize",)), f"the programs are not in {BIN}")
class TestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        folder = pathlib.Path(cls._folder.name)
        for name, more in (("v0", []), ("v1", ["--version", "1"]), ("v2", ["--version", "2"]), ("large", ["--vocab", "400"])):
            subprocess.run([BIN / "llama2-synthesize", "tiny", *more, "-o", folder / f"{name}.bin"], check=True,
                           capture_output=True)
        cls.models = {name: (folder / f"{name}.bin").read_bytes() for name in ("v0", "v1", "v2", "large")}
        cls.tokenizer = (folder / "v0.tokenizer.bin").read_bytes()
        cls.large_tokenizer = (folder / "large.tokenizer.bin").read_bytes()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.write("model.bin", self.models["v0"])
        self.write("tokenizer.bin", self.tokenizer)

    def write(self, name, data):
        (self.folder / name).write_bytes(data)

    def contents(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def run_program(self, program, *arguments, **options):
        options = dict(dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL), **options)
        return subprocess.run([BIN / program, *arguments], cwd=self.folder, timeout=60, **options)

    def assert_refused(self, program, arguments, pattern, **options):
        """Status 2, one line on standard error that matches, nothing on standard output, and every file as it was."""
        before = self.contents()
        result = self.run_program(program, *arguments, **options)
        errors = result.stderr.decode()
        self.assertEqual(result.returncode, 2, (program, arguments, errors))
        self.assertRegex(errors, rf"\A{program}: [^\n]*\n\Z")
        self.assertRegex(errors, pattern, (program, arguments))
        self.assertEqual(result.stdout or b"", b"", (program, arguments))
        self.assertEqual(self.contents(), before, (program, arguments))


class FileTests(TestCase):
    """Files that are wrong: the message names the file, the offset, what was expected and what was found."""

    def test_checkpoints(self):
        v0, v1, v2 = self.models["v0"], self.models["v1"], self.models["v2"]
        self.assertEqual(struct.unpack_from("<i", v2, 37), (16,))
        # dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len = 48, 101, 3, 6, 2, 320, 128
        cases = [
            (v0 + b"\0", len(v0), str(len(v0)), "more"), (v1 + b"\0" * 64, len(v1), str(len(v1)), "more"),
            (v2 + b"\0", len(v2), str(len(v2)), "more"),
            (v0[:-1], None, "", "end of the file|left"), (v1[:-1], None, "", "end of the file|left"),
            (v2[:-1], None, "", "end of the file|left"),
            (b"", 0, "", "empty|header"), (v0[:27], None, "28|header", "end of the file|only"),
            (v1[:255], None, "256", "end of the file|only"),
            (integer(v1, 4, 3), 4, "1 or 2", "3"), (integer(v2, 4, -1), 4, "1 or 2", "-1"),
            (v1[:36] + b"\2" + v1[37:], 36, "0 or 1", "2"), (v2[:36] + b"\xff" + v2[37:], 36, "0 or 1", "255"),
            (integer(v2, 37, 0), 37, "1", "0"), (integer(v2, 37, -16), 37, "1", "-16"),
            (integer(v2, 37, -(1 << 31)), 37, "1", "-2147483648"), (integer(v2, 37, 7), 37, "divisor", "7"),
            (integer(v2, 37, 96), 37, "divisor", "96"),
        ]
        for data, base in ((v0, 0), (v1, 8), (v2, 8)):
            for place, size in enumerate(("dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len")):
                for value in (0, -1, -(1 << 31)):
                    if (size, value, base) == ("vocab_size", -1, 0):
                        continue  # a vocabulary of one, with a classifier of its own
                    cases.append((integer(data, base + 4 * place, value), (base, base + 4 * place), rf"{size}: expected",
                                  "-?[0-9]+"))
            cases += [(integer(data, base + 12, 5), (base, base + 12), "divisor of dim 48", "5"),
                      (integer(data, base + 16, 4), (base, base + 16), "divisor of n_heads 6", "4"),
                      (integer(integer(data, base + 12, 16), base + 16, 16), (base, base + 12), "even", "3"),
                      (integer(data, base + 8, 0x7FFFFFFF), None, "", "end of the file|left|far more")]
        for number, (data, offsets, expected, found) in enumerate(cases):
            self.write("bad.bin", data)
            for program in PROGRAMS:
                with self.subTest(number=number, program=program):
                    self.assert_refused(program, ["bad.bin", "--tokens", "1"], r"bad\.bin: .*")
                    errors = self.run_program(program, "bad.bin", "--tokens", "1").stderr.decode()
                    offset = re_any(offsets)
                    self.assertRegex(errors, rf"\boffset {offset}\b")
                    self.assertRegex(errors, expected or ":")
                    self.assertRegex(errors, found)

    def test_tokenizers(self):
        good = self.tokenizer
        cases = [
            (good[:-1], None, "token 319"), (good[:-5], None, "token 319"), (b"", 0, ""), (good[:3], None, ""),
            (integer(good, 8, -1), 8, "token 0.*expected .*found -1"), (integer(good, 8, 0x7FFFFFFF), "(8|12)", "token 0"),
        ]
        for number, (data, offset, message) in enumerate(cases):
            self.write("bad.tok", data)
            for program in PROGRAMS:
                with self.subTest(number=number, program=program):
                    self.assert_refused(program, ["model.bin", "-z", "bad.tok", "-n", "3"], rf"bad\.tok: .*{message}")
                    errors = self.run_program(program, "model.bin", "-z", "bad.tok", "-n", "3").stderr.decode()
                    self.assertRegex(errors, rf"\boffset {'[0-9]+' if offset is None else offset}\b")

    def test_the_tokenizer_of_a_smaller_vocabulary(self):
        self.write("large.bin", self.models["large"])
        for program in PROGRAMS:
            self.assert_refused(program, ["large.bin", "-n", "3"], rf"tokenizer\.bin: .*expected 400 tokens as in the model's "
                                rf"vocabulary, found 320\b")
            self.assertRegex(self.run_program(program, "large.bin", "-n", "3").stderr.decode(),
                             rf"\boffset {len(self.tokenizer)}\b")

    def test_the_tokenizer_of_a_larger_vocabulary(self):
        self.write("large.tok", self.large_tokenizer)
        result = self.run_program(C, "model.bin", "-z", "large.tok", "-n", "3")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.decode().splitlines()[0], "llama2-reference: warning: large.tok holds more entries "
                         "than the vocabulary of 320; they are ignored")
        self.assertEqual(result.stdout, self.run_program(C, "model.bin", "-n", "3").stdout)
        self.assertNotIn(b"warning", self.run_program(C, "model.bin", "-n", "3").stderr)

    def test_what_is_missing_or_no_file(self):
        for program in PROGRAMS:
            self.assert_refused(program, ["missing.bin"], r"missing\.bin: cannot open: No such file or directory")
            self.assert_refused(program, ["model.bin", "-z", "missing.tok"], r"missing\.tok: cannot open: No such file")
            self.assert_refused(program, ["."], r"\.: ")
            self.assert_refused(program, ["/dev/null"], r"/dev/null: ")

    def test_names_that_are_more_than_a_line(self):
        name = "a\nb\tc\x1b[31m\x7f\u0085"
        self.assert_refused(C, [name], r"a\\nb\\tc\\x1b\[31m\\x7f\\u\{85\}: cannot open")
        self.assert_refused(C, [b"a\xffb\xc3"], r"a\\xffb\\xc3: cannot open")
        self.assert_refused(C, ["model.bin", "--only", "q\nx"], r"q\\nx")
        self.assert_refused(C, ["Zo\u00eb\u65e5.bin"], "Zo\u00eb\u65e5.bin: cannot open")
        # Where it is no error: the summary and warnings name files too.
        self.write("large.tok\n", self.large_tokenizer)
        result = self.run_program(C, "model.bin", "-z", "large.tok\n", "-n", "3", "-o", "out\n.trace")
        self.assertEqual((result.returncode, result.stderr.count(b"\n")), (0, 2), result.stderr)
        self.assertTrue((self.folder / "out\n.trace").exists())


def re_any(offsets):
    if offsets is None:
        return "[0-9]+"
    return "(%s)" % "|".join(map(str, offsets)) if isinstance(offsets, tuple) else str(offsets)


class TokenTests(TestCase):
    def test_more_tokens_than_positions(self):
        tokens = ",".join(map(str, range(1, 130)))
        for program in PROGRAMS:
            self.assert_refused(program, ["model.bin", "--tokens", tokens], r"\b128\b.*|\b129\b.*\b128\b")
            self.assert_refused(program, ["model.bin", "--tokens", "1,320"], r"token 320 .*vocabulary of 320")
            self.assert_refused(program, ["model.bin", "--tokens", "1,,2"], r"--tokens")

    def test_tokens_from(self):
        """The tokens of a trace are forced: the same records as with --tokens; a trace that cannot serve is refused."""
        tokens = [1, 17, 203, 45, 300]
        listed = ",".join(map(str, tokens))
        for program in PROGRAMS:
            self.assertEqual(self.run_program(program, "model.bin", "--tokens", listed, "-o", f"{program}.trace").returncode, 0)
        self.assertEqual(self.run_program(SWIFT, "model.bin", "--tokens-from", f"{C}.trace", "-o", "again.trace").returncode, 0)
        self.assertEqual((self.folder / "again.trace").read_bytes(), (self.folder / f"{SWIFT}.trace").read_bytes())
        # A trace that was cut short serves too, with a warning; fewer positions with -n.
        (self.folder / "cut.trace").write_bytes((self.folder / f"{C}.trace").read_bytes()[:-64])
        result = self.run_program(SWIFT, "model.bin", "--tokens-from", "cut.trace", "-n", "3", "-o", "short.trace")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"warning: cut.trace", result.stderr)
        self.assertEqual(tracefile.read_trace(self.folder / "short.trace").tokens, tokens[:3])

        def emit(name, tokens):
            tracefile.write_trace(self.folder / name, {"producer": "test"}, tokens, {})
        emit("long.trace", [1] * 129)
        emit("gap.trace", [1, -1, 2])
        emit("none.trace", [])
        emit("outside.trace", [1, 320])
        for name, pattern in (("long.trace", r"\b129\b.*\b128\b"), ("gap.trace", r"gap\.trace: .*token"),
                              ("none.trace", r"none\.trace: .*token"), ("outside.trace", r"token 320 .*vocabulary of 320"),
                              ("missing.trace", r"missing\.trace: cannot open"), ("model.bin", r"model\.bin: not a trace")):
            self.assert_refused(SWIFT, ["model.bin", "--tokens-from", name], pattern)
        self.assert_refused(SWIFT, ["model.bin", "--tokens-from", "long.trace", "--tokens", "1"], "--tokens")
        self.assert_refused(C, ["model.bin", "--tokens-from", "long.trace"], "unknown option")

    def test_the_prompt_is_cut(self):
        prompt = ["model.bin", "-i", "one two three"]
        count = len(self.run_program(C, *prompt, "--print-tokens").stdout.split())
        self.assertGreater(count, 3)
        result = self.run_program(C, *prompt, "-n", "3")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.decode().splitlines()[0],
                         f"llama2-reference: warning: the prompt's {count} tokens are cut to 3 positions")
        self.assertNotIn(b"warning", self.run_program(C, *prompt, "-n", str(count)).stderr)

    def test_byte_pieces(self):
        """What llama2.c's sscanf takes for a byte token, more than `<0xHH>`, is one for both programs."""
        pieces = {300: b"<0x41>", 301: b"<0x42", 302: b"<0x4", 303: b"<0x43 and more", 304: b"<0x\t44>", 305: b"<0x-1>",
                  306: b"<0x+5Z", 307: b"<0x>", 308: b"<0X45>", 309: b"<0xg1>", 310: b"<0x0x41>", 311: b"a<0x41>",
                  312: b"<0x4e>"}
        data, offset = self.tokenizer[:4], 4
        for token in range(320):
            score, length = struct.unpack_from("<fi", self.tokenizer, offset)
            piece = pieces.get(token, self.tokenizer[offset + 8:offset + 8 + length])
            data += struct.pack("<fi", score, len(piece)) + piece
            offset += 8 + length
        self.write("pieces.tok", data)
        # 0x04, 0xFF, 0x05 and 0x00 are bytes that are not printed.
        expected = b"AB" + b"C" + b"D" + b"<0x>" + b"<0X45>" + b"<0xg1>" + b"a<0x41>" + b"N\n"
        for program in PROGRAMS:
            result = self.run_program(program, "model.bin", "-z", "pieces.tok", "--no-trace", "--tokens",
                                      ",".join(map(str, range(300, 313))))
            self.assertEqual((result.returncode, result.stdout), (0, expected), program)


class OptionTests(TestCase):
    def test_ranges_of_the_c_program(self):
        for arguments, pattern in (
            (["--layers", "2..1"], r"--layers: expected A\.\.B.* with A not above B, found '2\.\.1'"),
            (["--layers", "3"], r"--layers: expected a range within 0\.\.2, found '3'"),
            (["--layers", "1..99"], r"--layers: expected a range within 0\.\.2, found '1\.\.99'"),
            (["--layers", "..3"], r"--layers: expected a range within 0\.\.2, found '\.\.3'"),
            (["--layers", "99999999999999999999"], r"--layers: expected"),
            (["--positions", "1..9"], r"--positions: expected a range within 0\.\.1, found '1\.\.9'"),
            (["--positions", "5.."], r"--positions: expected a range within 0\.\.1, found '5\.\.'"),
            (["--only", ","], r"--only: expected names separated by commas, found ','"),
            (["--only", "q,,k"], r"--only: expected names separated by commas, found 'q,,k'"),
            (["--only", ""], r"--only: expected names separated by commas, found ''"),
            (["--only", "nosuch"], r"--only: 'nosuch' matches no site"),
        ):
            self.assert_refused(C, ["model.bin", "-n", "2", *arguments], pattern)
        for arguments in (["--layers", "0..2"], ["--layers", "1.."], ["--layers", "..2"], ["--positions", "1.."],
                          ["--positions", "0..1"]):
            self.assertEqual(self.run_program(C, "model.bin", "-n", "2", *arguments).returncode, 0, arguments)

    def test_sampling_of_given_tokens(self):
        for option, name in ((["-t", "0"], "--temperature"), (["-p", "0.5"], "--top-p"), (["-s", "3"], "--seed"),
                             (["--temperature=1"], "--temperature"), (["-i", "x"], "--prompt")):
            for order in ([*option, "--tokens", "1,2"], ["--tokens", "1,2", *option]):
                self.assert_refused(C, ["model.bin", *order], f"{name} and --tokens exclude each other")


class OutputTests(TestCase):
    def test_inputs_are_never_replaced_by_the_c_program(self):
        run = ["-n", "2"]
        self.write("m.bin.partial", self.models["v0"])
        self.write("t.bin.partial", self.tokenizer)
        os.link(self.folder / "model.bin", self.folder / "hard")
        os.symlink("tokenizer.bin", self.folder / "soft")
        os.symlink("model.bin", self.folder / "soft.trace.partial")
        for arguments, what in (
            (["model.bin", "-o", "model.bin"], "checkpoint"), (["model.bin", "-o", "./model.bin"], "checkpoint"),
            (["model.bin", "-o", "hard"], "checkpoint"), (["model.bin", "-o", "soft"], "tokenizer"),
            (["model.bin", "-o", "tokenizer.bin"], "tokenizer"),
            (["model.bin", "-z", "tokenizer.bin", "-o", "tokenizer.bin"], "tokenizer"),
            (["m.bin.partial", "-o", "m.bin"], "checkpoint"), (["model.bin", "-z", "t.bin.partial", "-o", "t.bin"], "tokenizer"),
            (["model.bin", "-o", "soft.trace"], "checkpoint"),
        ):
            self.assert_refused(C, [*arguments, *run], f"the trace would replace the {what} ")

    def test_an_older_partial_file_is_not_touched_by_the_c_program(self):
        """It is unlinked, so that whoever has it mapped keeps it."""
        self.write("out.trace.partial", b"older" * 1000)
        with open(self.folder / "out.trace.partial", "rb") as file, \
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            self.assertEqual(self.run_program(C, "model.bin", "-n", "2", "-o", "out.trace").returncode, 0)
            self.assertEqual((os.fstat(file.fileno()).st_size, mapped[:]), (5000, b"older" * 1000))
        self.assertEqual(tracefile.read_trace(self.folder / "out.trace").problems, [])

    def test_a_full_device(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("needs /dev/full")
        for program in PROGRAMS:
            result = self.run_program(program, "model.bin", "-n", "3", "-o", "/dev/full")
            self.assertEqual((result.returncode, result.stdout), (2, b""))
            self.assertRegex(result.stderr.decode(), rf"\A{program}: /dev/full: .*No space left on device\n\Z")
            with open("/dev/full", "wb") as full:
                self.assert_refused(program, ["model.bin", "-n", "3", "--no-trace"],
                                    "standard output: .*No space left on device", stdout=full)
                self.assert_refused(program, ["model.bin", "--print-tokens"],
                                    "standard output: .*No space left on device", stdout=full)

    def test_a_disk_that_fills_up_during_the_run(self):
        self.write("out.trace", b"an older trace")
        for program in PROGRAMS:
            def limit(ignored=program != C):  # the C program ignores the signal itself
                resource.setrlimit(resource.RLIMIT_FSIZE, (20480, 20480))
                if ignored:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            result = self.run_program(program, "model.bin", "-n", "9", "-o", "out.trace", preexec_fn=limit)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertRegex(result.stderr.decode(), rf"\A{program}: out\.trace\.partial: .*File too large\n\Z")
            self.assertEqual((self.folder / "out.trace").read_bytes(), b"an older trace")
            trace = tracefile.read_trace(self.folder / "out.trace.partial")
            self.assertFalse(trace.complete)
            self.assertGreater(len(trace.records), 40)
            self.assertEqual(len((self.folder / "out.trace.partial").read_bytes()), 20480)

    def test_closed_descriptors_of_the_c_program(self):
        """Neither text nor summary lands in a trace that took the number of a closed standard file."""
        def close():
            for file in (0, 1, 2):
                os.close(file)
        result = self.run_program(C, "model.bin", "-n", "4", "-o", "out.trace", preexec_fn=close, stdout=None, stderr=None)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(self.run_program(C, "model.bin", "-n", "4", "-o", "whole.trace").returncode, 0)
        self.assertEqual((self.folder / "out.trace").read_bytes(), (self.folder / "whole.trace").read_bytes())

    def test_outputs_that_cannot_be_written(self):
        (self.folder / "folder").mkdir()
        for program in PROGRAMS:
            for name in ("folder", "missing/out.trace", "."):
                result = self.run_program(program, "model.bin", "-n", "2", "-o", name)
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                self.assertRegex(result.stderr.decode(), rf"\A{program}: [^\n]*{name}[^\n]*\n\Z")

    def test_the_text_goes_to_standard_error_beside_a_trace(self):
        for program in PROGRAMS:
            plain = self.run_program(program, "model.bin", "-n", "4", "-o", "out.trace")
            self.assertGreater(len(plain.stdout), 2)
            both = self.run_program(program, "model.bin", "-n", "4", "-o", "-")
            self.assertEqual(both.returncode, 0)
            self.assertEqual(both.stdout, (self.folder / "out.trace").read_bytes())
            self.assertTrue(both.stderr.startswith(plain.stdout), both.stderr)
            self.assertFalse((self.folder / "-").exists() or (self.folder / "-.partial").exists())

    def test_closed_pipes_are_quiet(self):
        for program in PROGRAMS:
            for arguments in (["--no-trace"], ["-o", "-"], ["--print-tokens"], ["--help"], ["--list-sites"]):
                read, write = os.pipe()
                os.close(read)
                try:
                    result = self.run_program(program, "model.bin", "-n", "30", *arguments, stdout=write)
                finally:
                    os.close(write)
                # With the trace on standard output the text stands on standard error; nothing else does.
                errors = b"" if arguments == ["-o", "-"] else result.stderr
                self.assertNotIn(b"roken pipe", result.stderr, (program, arguments))
                self.assertNotRegex(errors.decode(), "error|cannot", (program, arguments))
                self.assertGreaterEqual(result.returncode, 0, (program, arguments))
                self.assertNotEqual(result.returncode, 1, (program, arguments))


if __name__ == "__main__":
    unittest.main()
