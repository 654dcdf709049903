"""Staff, settings and the activity list over REST."""
import asyncio

from harness import ApiTest, uid


class Admin(ApiTest):
    async def test_staff_list(self):
        admin = await self.staff("admin")
        listed = {s["email"]: s for s in (await admin.get("/staff")).body["items"]}
        for key, account in self.stack.staff.items():
            if key in ("agent", "team_lead", "supervisor", "admin", "super_admin"):
                self.assertEqual((listed[account["email"]]["role"], listed[account["email"]]["name"]), (account["role"], account["name"]))
        self.assertNotIn("password", str(listed))

    async def test_new_staff_can_log_in(self):
        admin = await self.staff("admin")
        new = {"email": f"{uid()}@bank.example", "name": "Newcomer", "role": "agent", "password": "a good password"}
        made = await admin.post("/staff", new)
        self.assertEqual((made.status, made.body["staff"]["name"]), (201, "Newcomer"))
        from harness import SITE, Rest
        rest = Rest(self.bases, None, SITE)
        self.assertEqual((await rest.login(new["email"], new["password"]))["id"], made.body["staff"]["id"])
        for change in ({"email": "no at sign"}, {"email": ""}, {"name": ""}, {"role": "king"}, {"role": "customer"}, {"password": "short"}, {"extra": 1}):
            answer = await admin.post("/staff", dict(new, email=f"{uid()}@bank.example") | change)
            self.assertIn(answer.status, (400, 422), change)

    async def test_settings(self):
        admin = await self.staff("admin")
        items = (await admin.get("/settings")).body["items"]
        self.assertIn("queue.offer_s", [s["key"] for s in items])
        setting = next(s for s in items if s["key"] == "queue.wrap_up_s")
        self.assertEqual(setting["value"], setting["default"])
        changed = await admin.put("/settings/queue.wrap_up_s", {"value": 11})
        self.assertEqual((changed.status, changed.body["value"], changed.body["default"]), (200, 11, setting["default"]))
        again = next(s for s in (await admin.get("/settings", base=1)).body["items"] if s["key"] == "queue.wrap_up_s")
        self.assertEqual(again, changed.body)
        await admin.put("/settings/queue.wrap_up_s", {"value": setting["default"]})
        for bad in (-1, 99999, "11", 1.5, True, None, [], {}):
            answer = await admin.put("/settings/queue.wrap_up_s", {"value": bad})
            self.assertIn(answer.status, (400, 422), bad)
        self.assert_problem(await admin.put("/settings/no.such_key", {"value": 1}), 404, "setting_not_found")

    async def test_a_feature_switch_takes_effect_everywhere(self):
        admin = await self.staff("admin")
        rest = self.customer()
        try:
            await admin.put("/settings/features.chat", {"value": False})
            for base in (0, 1):
                for _ in range(40):
                    answer = await rest.post("/chat/start", {"client_key": uid()}, base=base)
                    if answer.status == 403:
                        break
                    await asyncio.sleep(0.05)
                self.assert_problem(answer, 403, "feature_off")
                self.assertFalse((await rest.get("/widget-config", base=base)).body["features"]["chat"])
        finally:
            await admin.put("/settings/features.chat", {"value": True})
        await asyncio.sleep(0.3)
        await self.start_chat(rest)

    async def test_activity(self):
        admin = await self.staff("admin")
        await admin.put("/settings/queue.wrap_up_s", {"value": 12})
        await admin.put("/settings/queue.wrap_up_s", {"value": 10})
        first = (await admin.get("/activity?limit=5")).body
        ids = [r["id"] for r in first["items"]]
        self.assertEqual(ids, sorted(ids, reverse=True))
        self.assertEqual(len(ids), 5)
        second = (await admin.get(f"/activity?limit=5&cursor={first['next']}")).body
        self.assertLess(second["items"][0]["id"], ids[-1])
        self.assertTrue([r for r in first["items"] if "setting" in r["action"]], first["items"])
