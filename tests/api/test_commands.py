"""The command line: what it does not understand it names, and does nothing."""
import os
import tempfile

from harness import ApiTest

COMMANDS = ["run", "migrate", "check-config", "add-staff", "audit", "recording", "mask", "config-docs"]


class Commands(ApiTest):
    def refused(self, *words):
        done = self.stack.run(*words, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        return done.stderr

    def test_help_is_all_that_help_does(self):
        wanted = self.stack.run("--help").stdout
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", wanted)
            self.assertEqual(self.stack.run(command, "--help").stdout, wanted)

    def test_what_is_not_understood_is_named(self):
        for words in [["check-config"], [], *([c] for c in COMMANDS)]:
            self.assertIn("--nonsense: unknown option", self.refused(*words, "--nonsense"))
            self.assertIn("--config: its value is missing", self.refused(*words, "--config"))
        self.assertIn("extra: not expected", self.refused("run", "extra"))
        self.assertIn("extra: not expected", self.refused("audit", "verify", "more", "extra"))
        self.assertIn("--mix: unknown option", self.refused("migrate", "--mix"))
        self.assertIn("usage: supportd", self.refused("nonsense"))

    def test_a_value_may_look_like_an_option(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "--help")
            with open(path, "w", encoding="utf-8"):
                pass
            self.assertEqual(self.stack.run("check-config", "--config", path).stdout, "configuration is good\n")
            done = self.stack.run("check-config", "--config", "--help", check=False)
            self.assertEqual((done.returncode, done.stdout), (78, ""))
