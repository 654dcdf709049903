"""Music and prompts by configuration: check-config and the start name each bad file and what is wrong with it."""
import os
import subprocess
import tempfile

from harness import ApiTest


def encode(path, *options, channels=1, codec="libopus"):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=48000",
                    "-ac", str(channels), "-c:a", codec, *options, path], check=True)


class Sounds(ApiTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def given(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def settings(self, music=(), prompts="", notice=""):
        return {"SUPPORTD_MEDIA_HOLD_MUSIC_FILES": ",".join(music), "SUPPORTD_MEDIA_PROMPTS_DIR": prompts,
                "SUPPORTD_MEDIA_RECORDING_NOTICE_FILE": notice}

    def bad_files(self):
        """path -> what must be said of it."""
        good = self.path("good.opus")
        encode(good)
        with open(good, "rb") as f:
            data = f.read()
        encode(self.path("frames.opus"), "-frame_duration", "60")
        encode(self.path("surround.opus"), channels=6)
        encode(self.path("vorbis.ogg"), "-strict", "-2", channels=2, codec="vorbis")
        with open(self.path("huge.opus"), "wb") as f:
            f.truncate(32 * 1024 * 1024 + 1)
        return {
            self.given("empty.opus", b""): "empty",
            self.given("sound.wav", b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(500)): "not an Ogg file",
            self.given("cut.opus", data[:-100]): "cut off: its end is missing",
            self.given("chain.opus", data + data): "several streams one behind the other: make a file of each",
            self.given("tail.opus", data + b"TAG" + bytes(125)): "something else behind its end",
            self.path("frames.opus"): "packets must last 20 ms each (opusenc --framesize 20)",
            self.path("surround.opus"): "channels by a mapping: only mono and plain stereo",
            self.path("vorbis.ogg"): "Ogg Vorbis, not Opus",
            self.path("huge.opus"): "larger than 32 MiB",
            self.path("missing.opus"): "cannot be opened",
            self.dir: "not a regular file",
        }

    def test_check_config_names_every_bad_file(self):
        bad = self.bad_files()
        done = self.stack.run("check-config", check=False, env=self.settings(bad))
        self.assertEqual(done.returncode, 78)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.splitlines(), [f"media.hold_music_files: {path}: {why}" for path, why in bad.items()])

    def test_the_notice_of_recordings_is_looked_at(self):
        bad = self.bad_files()
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=21:sample_rate=48000", "-c:a", "libopus",
                        self.path("long.opus")], check=True)
        bad[self.path("long.opus")] = "longer than 20 s"
        for path, why in bad.items():
            done = self.stack.run("check-config", check=False, env=self.settings(notice=path))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (78, "", f"media.recording_notice_file: {path}: {why}\n"))
        env = dict(self.settings(notice=self.path("long.opus")), SUPPORTD_LISTEN_HTTP="127.0.0.1:0")
        done = self.stack.run("run", check=False, env=env)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("media.recording_notice_file", next(line for line in done.stderr.splitlines() if "sound not read" in line))
        self.assertEqual(self.stack.run("check-config", env=self.settings(notice=self.path("good.opus"))).stdout, "configuration is good\n")

    def test_good_ones_pass(self):
        encode(self.path("mono.opus"))
        encode(self.path("stereo.opus"), channels=2)
        os.mkdir(self.path("en"))
        encode(self.path("en/please_wait.opus"))
        env = self.settings([self.path("mono.opus"), self.path("stereo.opus")], self.dir)
        for command in ("check-config", "--check-config"):
            self.assertEqual(self.stack.run(command, env=env).stdout, "configuration is good\n")

    def test_prompts_and_music_are_told_together(self):
        os.mkdir(self.path("en"))
        self.given("en/please_wait.opus", b"OggS")
        bad = self.given("empty.opus", b"")
        done = self.stack.run("check-config", check=False, env=self.settings([bad], self.dir))
        self.assertEqual((done.returncode, done.stderr.splitlines()), (78, [
            f"media.hold_music_files: {bad}: empty",
            f"media.prompts_dir: {self.path('en/please_wait.opus')}: not an Ogg file"]))

    def test_the_daemon_does_not_start(self):
        bad = self.given("empty.opus", b"")
        env = dict(self.settings([bad]), SUPPORTD_LISTEN_HTTP="127.0.0.1:0")
        done = self.stack.run("run", check=False, env=env)
        self.assertNotEqual(done.returncode, 0)
        line = next(line for line in done.stderr.splitlines() if "sound not read" in line)
        for word in ("media.hold_music_files", bad, '"empty"'):
            self.assertIn(word, line)
