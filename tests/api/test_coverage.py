"""What the whole run has seen: every route with a success, every frame of the daemon but those that need sound or a TURN server."""
import unittest

from client import API, FRAMES

NEED_SOUND = {"call.quality", "call.advice", "call.restart", "call.candidate"}
NEED_TURN = {"ice.servers"}


class Coverage(unittest.TestCase):
    def test_every_route_has_answered_well(self):
        good = {(m, t) for m, t, status in API.seen if status < 300}
        self.assertEqual({(m, t) for m, t, _, _ in API.routes} - good, set())

    def test_every_frame_has_come(self):
        self.assertEqual(set(FRAMES.known) - FRAMES.seen - NEED_SOUND - NEED_TURN, set())
