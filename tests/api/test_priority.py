"""Real-time priority of the loop: taken where the system allows it, by the loop alone, and not at all where it is not wanted."""
import json
import os
import re
import urllib.error
import urllib.request

from harness import ApiTest

SCHED_RESET_ON_FORK = 0x40000000


def allowed():
    """Whether the system gives a child of ours real-time priority."""
    pid = os.fork()
    if pid == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_RR | SCHED_RESET_ON_FORK, os.sched_param(1))
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class Priority(ApiTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.stack.daemons[1]
        self.env = self.daemon.env
        self.addCleanup(self.restart, self.env)

    def restart(self, env):
        self.daemon.stop()
        self.daemon.env = env
        self.daemon.start()

    def begin_threads(self):
        """They come with the first password that is checked."""
        login = urllib.request.Request(self.daemon.http + "/api/support/session", headers={"Content-Type": "application/json"},
                                       data=json.dumps({"email": "nobody@bank.example", "password": "wrong"}).encode())
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(login, timeout=30)
        self.assertEqual(refused.exception.code, 401)

    def measured(self):
        """(priority by the daemon's own metric, priority of its loop, those of its other threads)"""
        with urllib.request.urlopen(self.daemon.http + "/metrics", timeout=10) as answer:
            told = re.search(r"^supportd_media_realtime_priority (\d+)$", answer.read().decode(), re.M)
        threads = [int(t) for t in os.listdir(f"/proc/{self.daemon.pid}/task")]
        of = {t: os.sched_getparam(t).sched_priority for t in threads}
        loop = of.pop(self.daemon.pid)
        return int(told.group(1)), loop, sorted(of.values())

    def test_the_loop_has_what_is_configured(self):
        for wanted in (1, 7, 0):
            self.restart(dict(self.env, SUPPORTD_MEDIA_REALTIME_PRIORITY=str(wanted)))
            self.begin_threads()
            told, loop, others = self.measured()
            self.assertEqual(told, loop)
            self.assertEqual(loop, wanted if allowed() else 0)
            self.assertEqual(set(others), {0})
            self.assertEqual("no real-time priority" in self.daemon.tail(), wanted > 0 and not allowed())
