"""Recordings over REST without sound: start, pause, card data, stop, who hears them, ranges, waveform, refusals."""
import asyncio
import glob
import json
import os
import subprocess

from harness import ApiTest, luhn_card, rng, uid
from stack import Stack


class RecordingTest(ApiTest):
    async def policy(self, value):
        admin = await self.staff("admin")
        answer = await admin.put("/settings/recording.policy", {"value": value})
        self.assertEqual(answer.status, 200, answer)

    async def asyncTearDown(self):
        for rest, chat_id in self.open_chats:
            call = (await rest.get(f"/chats/{chat_id}")).body["chat"]["call"]
            if call:
                await rest.post(f"/calls/{call['id']}/end")
        await self.policy("off")
        admin = await self.staff("admin")
        await admin.put("/settings/queue.wrap_up_s", {"value": 10})
        await admin.put("/settings/recording.agents_may_play", {"value": False})
        await admin.put("/settings/recording.resume_s", {"value": 0})
        await super().asyncTearDown()

    async def call(self, who="agent"):
        """An answered call: (its customer's client, the desk, id, chat id)."""
        admin = await self.staff("admin")
        await admin.put("/settings/queue.wrap_up_s", {"value": 0})
        agent = await self.staff(who)
        desk = await self.connect(agent, "agent", 0)
        await self.available(agent)
        rest = self.customer()
        customer = await self.connect(rest, "customer", 0)
        started = (await rest.post("/call/start", {"client_key": uid()})).body
        chat_id = started["chat"]["id"]
        self.open_chats.append((rest, chat_id))
        offer = await self.wait_offer(desk, chat_id)
        self.assertEqual((await agent.post(f"/offers/{offer['id']}/accept")).status, 200)
        return customer, desk, started["call"]["id"], chat_id

    async def told(self, client, call_id, recording):
        def last():
            found = [f["call"]["recording"] for f in client.of_type("call.state") if f["call"]["id"] == call_id]
            return found and found[-1] == recording
        await client.wait(last, what=f"call.state {recording}")

    async def ended(self, rest, call_id):
        for _ in range(200):
            items = (await rest.get(f"/recordings?call_id={call_id}")).body["items"]
            if items and all(i["state"] == "ended" and i["duration_ms"] is not None for i in items):
                return items
            await asyncio.sleep(0.05)
        raise AssertionError(f"never ended: {items}")


class Recordings(RecordingTest):
    async def test_from_start_to_playback(self):
        customer, desk, call_id, _ = await self.call()
        agent, lead = desk.rest, await self.staff("team_lead")
        path = f"/calls/{call_id}/recording"
        refused = await agent.put(path, {"state": "on"})
        self.assertEqual((refused.status, refused.code), (403, "feature_off"))
        await self.policy("on_demand")
        self.assertEqual((await agent.put(path, {"state": "paused"})).code, "not_allowed_now")
        self.assertEqual((await customer.rest.put(path, {"state": "on"})).code, "denied")
        supervisor = await self.staff("supervisor")
        self.assertEqual((await supervisor.put(path, {"state": "on"})).code, "denied")
        for state in ("on", "paused", "on", "on", "off"):
            answer = await agent.put(path, {"state": state})
            self.assertEqual((answer.status, answer.body["call"]["recording"]), (200, state))
            for client in (customer, desk):
                await self.told(client, call_id, state)
            await asyncio.sleep(0.3)
        item, = await self.ended(supervisor, call_id)
        self.assertEqual([p["reason"] for p in item["pauses"]], ["agent"])
        self.assertGreater(item["pauses"][0]["to_ms"] - item["pauses"][0]["from_ms"], 250)
        self.assertFalse(item["incomplete"])
        self.assertGreater(item["duration_ms"], 1100)
        await self.check_track(supervisor, item)
        await self.check_seen(item, customer, agent, lead)
        self.assertEqual((await agent.put(f"/calls/{uid()}/recording", {"state": "on"})).status, 404)

    async def test_it_is_as_long_as_the_row_says(self):
        """However long the end waits for the row: what ends is the call at the time that the row states."""
        for policy, side in (("all", 0), ("on_demand", 1)):
            await self.policy(policy)
            ends = customer, desk, call_id, _ = await self.call()
            if policy == "on_demand":
                self.assertEqual((await desk.rest.put(f"/calls/{call_id}/recording", {"state": "on"})).status, 200)
            for client in (customer, desk):
                await self.told(client, call_id, "on")
            with self.stack.postgres.connect() as connection, connection.cursor() as cursor:
                cursor.execute("select 1 from support.voice_calls where id = %s for update", [call_id])
                ending = asyncio.create_task(ends[side].rest.post(f"/calls/{call_id}/end"))
                await asyncio.sleep(0.7)
                self.assertFalse(ending.done())
                connection.rollback()
            self.assertEqual((await ending).status, 200)
            item, = await self.ended(await self.staff("supervisor"), call_id)
            (length,), = self.sql("select extract(epoch from k.ended_at - r.started_at) * 1000 from support.voice_calls k"
                                  " join support.call_recordings r on r.call_id = k.id where k.id = %s", call_id)
            self.assertGreater(length, 700)
            self.assertLessEqual(abs(item["duration_ms"] - float(length)), 1, policy)

    async def check_track(self, rest, item):
        path = f"/recordings/{item['id']}/tracks/0"
        whole = await rest.get(path)
        self.assertEqual((whole.status, whole.raw[:4], whole.headers["Accept-Ranges"]), (200, b"OggS", "bytes"))
        size = len(whole.raw)
        for text, first, last in (("0-", 0, size - 1), ("0-99", 0, 99), (f"100-{size + 9}", 100, size - 1), ("-50", size - 50, size - 1),
                                  (f"{size - 1}-", size - 1, size - 1), (f"-{size * 2}", 0, size - 1)):
            part = await rest.get(path, headers={"Range": "bytes=" + text})
            self.assertEqual((part.status, part.headers["Content-Range"], part.raw),
                             (206, f"bytes {first}-{last}/{size}", whole.raw[first:last + 1]), text)
        for text in ("bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2x", "bytes=99999999999999999999-x"):
            self.assertEqual((await rest.get(path, headers={"Range": text})).raw, whole.raw, text)
        for text in (f"bytes={size}-", "bytes=-0", "bytes=99999999999999999999-"):
            none = await rest.get(path, headers={"Range": text})
            self.assertEqual((none.status, none.code, none.headers["Content-Range"]), (416, "range_refused", f"bytes */{size}"), text)
        for number in ("2", "9", "x", "01", "-1"):
            self.assertEqual((await rest.get(f"/recordings/{item['id']}/tracks/{number}")).status, 404, number)
        wave = await rest.get(f"{path}/waveform")
        self.assertEqual(wave.body["step_ms"], 100)
        self.assertEqual(wave.body["peaks"], [0] * (item["duration_ms"] // 100))
        self.assertEqual((await rest.get(f"{path}/waveform")).raw, wave.raw)  # this time from its file
        plays = self.sql("select count(*) from support.support_activity_logs where action = 'recording.play' and subject_ref = %s", item["id"])
        self.assertEqual(plays[0][0], 1, "one opening, one row")
        self.assertEqual((await rest.get(f"/recordings/{item['id']}")).body["recording"], item)
        for path in glob.glob(os.path.join(self.stack.dir, "recordings", "*", item["id"] + "*")):
            with open(path, "rb") as f:
                data = f.read()
            self.assertNotIn(b"OggS", data)
            self.assertNotIn(b"OpusTags", data)

    async def check_seen(self, item, customer, agent, lead):
        path = f"/recordings/{item['id']}"
        self.assertEqual((await customer.rest.get(path)).code, "denied")
        for part in ("", "/tracks/0", "/tracks/1/waveform"):
            self.assertEqual((await agent.get(path + part)).status, 404)
            self.assertEqual((await lead.get(path + part)).status, 404, "another team's")
        self.assertEqual((await agent.get("/recordings")).body["items"], [])
        admin = await self.staff("admin")
        await admin.put("/settings/recording.agents_may_play", {"value": True})
        self.assertEqual((await agent.get(path)).status, 200)
        self.assertEqual([i["id"] for i in (await agent.get(f"/recordings?staff_id={item['staff']['id']}&limit=1")).body["items"]], [item["id"]])
        later = await self.staff("agent2")
        found = f"/recordings?staff_id={later.me['id']}"
        self.assertEqual([(await later.get(path)).status] + (await admin.get(found)).body["items"], [404])
        self.sql("select result from support.recording_party('system:media', %s, 1, %s, 'agent', 700)", item["id"], later.me["id"])
        self.assertEqual((await later.get(path)).status, 200, "heard in it, though another began")
        for rest in (later, admin):
            self.assertEqual([i["id"] for i in (await rest.get(found)).body["items"]], [item["id"]])
        self.assertEqual((await later.get(f"{path}/tracks/0")).raw[:4], b"OggS")
        await admin.put("/settings/recording.agents_may_play", {"value": False})
        self.assertEqual((await later.get(path)).status, 404)
        self.assertEqual((await admin.get(f"/recordings?customer_id={uid()}")).body["items"], [])
        self.assertEqual((await admin.get("/recordings?call_id=x")).code, "not_an_id")

    async def test_the_policy_all_and_card_data(self):
        await self.policy("all")
        admin = await self.staff("admin")
        await admin.put("/settings/recording.resume_s", {"value": 1})
        customer, desk, call_id, chat_id = await self.call()
        agent = desk.rest
        await self.told(customer, call_id, "on")
        self.assertEqual((await agent.put(f"/calls/{call_id}/recording", {"state": "off"})).code, "feature_off")
        card = luhn_card(rng("recording"))
        answer = await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "it is " + card})
        self.assertEqual(answer.body["message"]["masked"], ["card"])
        for state in ("paused", "on"):  # and on again by itself
            await self.told(desk, call_id, state)
        await agent.post(f"/calls/{call_id}/end")
        supervisor = await self.staff("supervisor")
        item, = await self.ended(supervisor, call_id)
        self.assertEqual([p["reason"] for p in item["pauses"]], ["card"])
        self.assertGreaterEqual(item["pauses"][0]["to_ms"] - item["pauses"][0]["from_ms"], 1000)
        self.assertEqual((await agent.put(f"/calls/{call_id}/recording", {"state": "on"})).code, "not_allowed_now")

    async def test_a_pause_for_card_data_that_the_row_did_not_take_is_asked_again(self):
        await self.policy("all")
        customer, desk, call_id, chat_id = await self.call()
        await self.told(customer, call_id, "on")
        function = "function support.recording_set(text, uuid, text, uuid, uuid, text, text, bigint, text)"
        self.sql(f"revoke execute on {function} from supportd_app")
        try:
            card = luhn_card(rng("recording"))
            await customer.rest.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "it is " + card})
            while not any("recording not changed" in d.tail() for d in self.stack.daemons):
                await asyncio.sleep(0.05)
        finally:
            self.sql(f"grant execute on {function} to supportd_app")
        await self.told(desk, call_id, "paused")

    async def test_the_command_line(self):
        await self.policy("all")
        customer, desk, call_id, _ = await self.call()
        await self.told(customer, call_id, "on")
        await asyncio.sleep(1)
        await desk.rest.post(f"/calls/{call_id}/end")
        item, = await self.ended(await self.staff("supervisor"), call_id)
        self.assertIn(item["id"], self.stack.run("recording", "list").stdout)
        verified = self.stack.run("recording", "verify")
        self.assertIn(f"{item['id']}: whole", verified.stdout)
        info = json.loads(self.stack.run("recording", "play-info", item["id"]).stdout)
        self.assertEqual([f["finished"] for f in info["files"]], [True, True])
        out = os.path.join(self.stack.dir, "export-" + item["id"])
        os.mkdir(out)
        self.stack.run("recording", "export", item["id"], out)
        for party in ("customer", "agent"):
            with open(os.path.join(out, f"{item['id']}.{party}.opus"), "rb") as f:
                self.assertEqual(f.read(4), b"OggS")
        await self.check_play(item)
        self.stack.run("recording", "make-key", self.stack.recording_keys)  # rotation: old recordings stay readable
        self.assertIn(f"{item['id']}: whole", self.stack.run("recording", "verify").stdout)
        path = info["files"][0]["path"]
        with open(path, "rb") as f:
            data = bytearray(f.read())
        for change, why in ((lambda d: d[:200] + bytes([d[200] ^ 1]) + d[201:], "not what was written"), (lambda d: d[:-1], "cut off")):
            with open(path, "wb") as f:
                f.write(change(bytes(data)))
            broken = self.stack.run("recording", "verify", check=False)
            self.assertEqual(broken.returncode, 3, broken.stdout)
            self.assertIn(f"{item['id']} customer: {why}", broken.stdout)
        os.unlink(path)
        self.assertIn(f"{item['id']} customer: missing", self.stack.run("recording", "verify", check=False).stdout)
        gone = await (await self.staff("supervisor")).get(f"/recordings/{item['id']}/tracks/0")
        self.assertEqual((gone.status, gone.code), (503, "unavailable"))
        with open(path, "wb") as f:
            f.write(data)
        for words in (["export"], ["export", "x", "y"], ["export", uid(), out], ["play-info", uid()], ["nonsense"], []):
            self.assertNotEqual(self.stack.run("recording", *words, check=False).returncode, 0, words)

    async def check_play(self, item):
        """What comes out is Ogg Opus, as long as the recording; each opening is an audit row before the first byte."""
        opened = "select count(*) from support.support_activity_logs where action = 'recording.play' and subject_ref = %s and actor_ref = 'admin' and actor_kind = 'system'"
        before = self.sql(opened, item["id"])[0][0]
        for words in ((), ("--track", "0"), ("--track", "1")):
            status, sound, said = self.stack.sound_of("recording", "play", item["id"], *words)
            self.assertEqual((status, said), (0, ""), words)
            told = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=format_name,duration:stream=codec_name,channels", "-of", "json", "-"],
                                  input=sound, capture_output=True, check=True)
            told = json.loads(told.stdout)
            self.assertEqual((told["format"]["format_name"], told["streams"][0]["codec_name"], told["streams"][0]["channels"]), ("ogg", "opus", 1 if words else 2))
            wav = subprocess.run(["opusdec", "--quiet", "--rate", "48000", "-", "-"], input=sound, capture_output=True, check=True).stdout
            frames = len(wav) / (2 if words else 4) / 48
            self.assertLess(abs(frames - item["duration_ms"]), 25, words)
            if words:
                stored = await (await self.staff("supervisor")).get(f"/recordings/{item['id']}/tracks/{words[1]}")
                self.assertEqual(sound, stored.raw)
        self.assertEqual(self.sql(opened, item["id"])[0][0], before + 3)
        for words in ((item["id"], "--track", "2"), (item["id"], "--track", "x"), (item["id"], "--track", "01"), (item["id"], "--track"), (item["id"], "nonsense"),
                      (uid(),), ("x",), ()):
            status, sound, said = self.stack.sound_of("recording", "play", *words)
            self.assertTrue(status in (1, 2) and sound == b"" and said, words)

    async def recorded(self):
        """The item of a call of a second, recorded."""
        customer, desk, call_id, _ = await self.call()
        await self.told(customer, call_id, "on")
        await asyncio.sleep(0.5)
        await desk.rest.post(f"/calls/{call_id}/end")
        item, = await self.ended(await self.staff("supervisor"), call_id)
        return item

    def files(self, item):
        return glob.glob(os.path.join(self.stack.recording_dir, "*", item["id"] + "*"))

    async def test_what_retention_ends_is_gone(self):
        await self.policy("all")
        supervisor = await self.staff("supervisor")
        first, kept = await self.recorded(), await self.recorded()
        for track in (0, 1):
            self.assertEqual((await supervisor.get(f"/recordings/{first['id']}/tracks/{track}/waveform")).status, 200)
        self.assertEqual(len(self.files(first)), 4)
        # The deadline is stated in a row; the end of another recording makes the daemon look at the rows.
        self.sql("update support.call_recordings set keep_until = now() + interval '1500 ms' where id = %s returning id", first["id"])
        other = await self.recorded()
        await self.deleted(first)
        self.assertEqual((await supervisor.get(f"/recordings/{first['id']}")).code, "recording_not_found")
        self.assertEqual((await supervisor.get(f"/recordings/{first['id']}/tracks/0")).code, "recording_not_found")
        self.assertEqual([len(self.files(i)) for i in (kept, other)], [2, 2])
        audit = self.sql("select string_agg(action || ' ' || actor_ref, ', ' order by id) from support.support_activity_logs"
                         " where subject_ref = %s and reason = 'retention'", first["id"])
        self.assertEqual(audit[0][0], "recording.delete retention, recording.erased retention")
        self.assertIn(f"{kept['id']}: whole", self.stack.run("recording", "verify").stdout)
        self.assertNotIn(first["id"], self.stack.run("recording", "list").stdout)

    async def deleted(self, item):
        for _ in range(400):
            state, path = self.sql("select state, path from support.call_recordings where id = %s", item["id"])[0]
            if state == "deleted":
                break
            await asyncio.sleep(0.05)
        self.assertEqual((state, path, self.files(item)), ("deleted", None, []))

    async def test_a_row_closed_before_a_kill_loses_its_files_after_the_start(self):
        await self.policy("all")
        item = await self.recorded()
        # As a kill leaves it: the row is closed, some of the files are there.
        self.sql("update support.call_recordings set state = 'deleting', erase_at = now(), keep_until = now() where id = %s returning id", item["id"])
        os.unlink(sorted(self.files(item))[0])
        elsewhere = await self.recorded()
        self.sql("insert into support.processes (id, host, pid, version, state, recording_place) values (%s, 'other', 1, 'x', 'left', %s) returning id",
                 process := uid(), uid())
        self.sql("update support.call_recordings set keep_until = now(), owner_process = %s where id = %s returning id", process, elsewhere["id"])
        daemon = self.stack.daemons[0]
        await asyncio.to_thread(daemon.stop)
        daemon.start(wait=False)
        await asyncio.to_thread(daemon.wait_ready)
        await self.deleted(item)
        state = None
        for _ in range(100):
            state = self.sql("select state from support.call_recordings where id = %s", elsewhere["id"])[0][0]
            if state == "deleting":
                break
            await asyncio.sleep(0.05)
        self.assertEqual((state, len(self.files(elsewhere))), ("deleting", 2), "another place's files are not touched, but nobody hears them")
        self.assertEqual((await (await self.staff("supervisor")).get(f"/recordings/{elsewhere['id']}")).code, "recording_not_found")

    async def test_a_recording_is_broken_when_its_process_is_taken_off(self):
        await self.policy("all")
        item = await self.recorded()
        self.sql("insert into support.processes (id, host, pid, version, heartbeat_at) values (%s, 'other', 1, 'x', now() - interval '1 h') returning id",
                 process := uid())
        self.sql("update support.call_recordings set state = 'ending', owner_process = %s where id = %s returning id", process, item["id"])
        _, desk, call_id, _ = await self.call()
        await (await self.staff("admin")).put("/settings/queue.wrap_up_s", {"value": 1})
        await desk.rest.post(f"/calls/{call_id}/end")  # the end of the time after it is a deadline: the router looks for lost processes too
        for _ in range(400):
            state, incomplete = self.sql("select state, incomplete from support.call_recordings where id = %s", item["id"])[0]
            if state == "broken":
                break
            await asyncio.sleep(0.05)
        self.assertEqual((state, incomplete), ("broken", True))


class NoRoom(RecordingTest):
    """What the row says must be recorded cannot be."""

    @classmethod
    def setUpClass(cls):
        cls.own = Stack(daemons=1, staff=("agent", "agent2", "supervisor", "admin"), settings={"recording.max_recordings": 1}).start()
        cls.addClassCleanup(cls.own.stop)

    def setUp(self):
        super().setUp()
        self.stack = self.own

    async def test_a_recording_that_cannot_begin_is_taken_back(self):
        """With a pause under way, whose answer must not begin it once more."""
        await self.policy("on_demand")
        _, other, first, _ = await self.call()
        self.assertEqual((await other.rest.put(f"/calls/{first}/recording", {"state": "on"})).status, 200)
        await other.rest.put("/me/presence", {"chosen": "away"})
        customer, desk, call_id, _ = await self.call("agent2")
        path = f"/calls/{call_id}/recording"
        lock = self.stack.postgres.connect()
        lock.autocommit = False
        with lock.cursor() as cursor:
            cursor.execute("select 1 from support.voice_calls where id = %s for update", (call_id,))
            on = asyncio.create_task(desk.rest.put(path, {"state": "on"}))
            await asyncio.sleep(0.3)  # waits for the row, and this one for it
            paused = asyncio.create_task(desk.rest.put(path, {"state": "paused"}))
            await asyncio.sleep(0.3)
        lock.rollback()
        lock.close()
        self.assert_problem(await on, 503, "overloaded")
        self.assertEqual((await paused).status, 200)
        await self.told(customer, call_id, "off")
        item, = await self.ended(await self.staff("supervisor"), call_id)
        self.assertTrue(item["incomplete"])
        self.assertEqual(self.stack.daemons[0].tail(1 << 20).count("recording not started"), 1)
        self.assertEqual((await other.rest.get(f"/calls/{first}")).body["call"]["recording"], "on")
