"""Consultation and supervision as far as they go without sound: who may, who is told, what ends it."""
import asyncio

from harness import browser_offer, uid
from test_calls import Calls


class CallParty(Calls):
    """Adds two teams: agent and team_lead are Cards, agent2 is Loans."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.database = self.stack.postgres.connect()
        self.teams = (uid(), uid())
        for name, team in zip(("Cards", "Loans"), self.teams):
            self.sql("insert into support.teams (id, name) values (%s, %s)", team, f"{name} {team[:8]}")
        for key, team in (("agent", 0), ("team_lead", 0), ("agent2", 1)):
            self.sql("update support.support_staff set team_id = %s where email = %s", self.teams[team], self.stack.staff[key]["email"])

    async def asyncTearDown(self):
        admin = await self.staff("admin")
        for key, value in (("supervision.private", False), ("call.max_parties", 4), ("call.consult_s", 30)):
            await admin.put("/settings/" + key, {"value": value})
        await super().asyncTearDown()
        self.sql("update support.support_staff set team_id = null where team_id = any (%s::uuid[])", list(self.teams))
        self.database.close()

    def sql(self, text, *args):
        with self.database.cursor() as cursor:
            cursor.execute(text, args)
            rows = cursor.fetchall() if cursor.description else []
        self.database.commit()
        return rows

    async def talking(self, socket=0):
        """A customer who talks with the agent: (customer's client, agent's client, call id)."""
        await self.no_wrap_up()
        desk = await self.desk(socket=socket)
        rest = self.customer()
        customer = await self.connect(rest, "customer", 0)
        started = await self.start_call(rest)
        offer = await self.wait_offer(desk, started["chat"]["id"])
        await desk.rest.post(f"/offers/{offer['id']}/accept")
        await self.state(customer, started["call"]["id"], "active")
        await customer.ask(type="call.offer", call_id=started["call"]["id"], sdp=browser_offer())
        return customer, desk, started["call"]["id"]

    async def colleague(self, socket=1):
        return await self.desk("agent2", socket)

    async def told(self, client, call_id, state, reason=None):
        def parties():
            return [f["party"] for f in client.of_type("call.party") if f["party"]["call_id"] == call_id]
        await client.wait(lambda: parties() and (parties()[-1]["state"], parties()[-1]["reason"]) == (state, reason),
                          what=f"call.party {state} {reason}")
        return parties()[-1]

    async def shown(self, client, call_id, *roles):
        def last():
            states = [f["call"] for f in client.of_type("call.state") if f["call"]["id"] == call_id]
            return states[-1] if states else {"parties": None}
        await client.wait(lambda: last()["parties"] is not None and [p["role"] for p in last()["parties"]] == list(roles),
                          what=f"parties {roles}")
        return last()

    def ids(self, key):
        return self.sql("select id::text from support.support_staff where email = %s", self.stack.staff[key]["email"])[0][0]

    async def test_warm_transfer(self):
        customer, desk, call_id = await self.talking()
        other = await self.colleague()
        path, them = f"/calls/{call_id}/consult", self.ids("agent2")
        self.assert_problem(await desk.rest.post(path, {"staff_id": self.ids("agent")}), 409, "target_unavailable")
        self.assert_problem(await desk.rest.post(path, {"staff_id": self.ids("admin")}), 409, "target_unavailable")
        self.assert_problem(await desk.rest.post(path + "/talk", {"with": "all"}), 409, "consult_gone")
        self.assert_problem(await other.rest.post(path, {"staff_id": them}), 404, "call_not_found")
        asked = await desk.rest.post(path, {"staff_id": them})
        self.assertEqual(asked.status, 201, asked)
        party = asked.body["call"]["parties"][0]
        self.assertEqual((party["role"], party["state"], party["talk"], party["staff"]["id"]), ("consult", "asked", "colleague", them))
        self.assertEqual((await desk.rest.post(path, {"staff_id": them})).status, 200)
        told = await self.told(other, call_id, "asked")
        self.assertEqual((told["from"]["name"], told["customer"]["name"]), (self.stack.staff["agent"]["name"], customer.rest.name))
        self.assertLessEqual(told["remaining_ms"], 30000)
        listed = (await other.rest.get("/call-parties")).body["items"]
        self.assertEqual([(p["call_id"], p["state"]) for p in listed], [(call_id, "asked")])
        await customer.wait(lambda: customer.of_type("call.state")[-1]["call"]["on_hold"], what="on hold")
        self.assertEqual(customer.of_type("call.state")[-1]["call"]["parties"], [])
        self.assert_problem(await desk.rest.post(path + "/complete"), 409, "consult_gone")
        self.assert_problem(await desk.rest.post(path + "/talk", {"with": "all"}), 409, "not_allowed_now")
        self.assert_problem(await desk.rest.post(path + "/talk", {"with": "nobody"}), 422, "out_of_range")
        for _ in range(2):
            self.assertEqual((await other.rest.post(path + "/accept")).body["call"]["parties"][0]["state"], "open")
        await self.told(other, call_id, "open")
        await self.shown(desk, call_id, "consult")
        talk = await desk.rest.post(path + "/talk", {"with": "all"})
        self.assertEqual((talk.body["call"]["parties"][0]["talk"], talk.body["call"]["on_hold"]), ("all", False))
        self.assertEqual((await desk.rest.post(path + "/complete")).status, 204)
        await self.told(other, call_id, "closed", "completed")
        active = await self.state(customer, call_id, "active")
        await customer.wait(lambda: customer.of_type("call.state")[-1]["call"]["staff"]["id"] == them, what="the colleague's name")
        self.assertEqual(active["id"], call_id)
        self.assertEqual((await other.rest.get(f"/chats/{active['chat_id']}")).body["chat"]["assigned"]["id"], them)
        self.assert_problem(await desk.rest.get(f"/calls/{call_id}"), 404, "call_not_found")
        self.assertEqual((await other.rest.post(f"/calls/{call_id}/end")).body["call"]["end_reason"], "agent_hangup")

    async def test_consultations_that_come_to_nothing(self):
        customer, desk, call_id = await self.talking()
        other = await self.colleague(socket=0)
        path = f"/calls/{call_id}/consult"
        await desk.rest.post(path, {"staff_id": self.ids("agent2")})
        await self.told(other, call_id, "asked")
        self.assertEqual((await other.rest.delete(path)).status, 204)
        await self.told(other, call_id, "closed", "declined")
        await self.shown(desk, call_id)
        await desk.rest.post(path, {"staff_id": self.ids("agent2")})
        self.assertEqual((await desk.rest.delete(path)).status, 204)
        self.assertEqual((await desk.rest.delete(path)).status, 204)
        await self.told(other, call_id, "closed", "returned")
        await (await self.staff("admin")).put("/settings/call.consult_s", {"value": 1})
        await desk.rest.post(path, {"staff_id": self.ids("agent2")})
        await self.told(other, call_id, "closed", "missed")
        self.assert_problem(await other.rest.post(path + "/accept"), 404, "call_not_found")
        await self.shown(desk, call_id)
        await (await self.staff("admin")).put("/settings/call.consult_s", {"value": 30})
        await desk.rest.post(path, {"staff_id": self.ids("agent2")})
        await other.rest.post(path + "/accept")
        await other.ask(type="call.offer", call_id=call_id, sdp=browser_offer())
        await other.post(type="call.mute", call_id=call_id, muted=True)
        await customer.rest.post(f"/calls/{call_id}/end")
        await self.told(other, call_id, "closed", "call_ended")

    async def test_supervision(self):
        customer, desk, call_id = await self.talking()
        path = f"/calls/{call_id}/supervise"
        lead, chief = [await self.connect(await self.staff(k), k, 0) for k in ("team_lead", "supervisor")]
        await self.assert_refused(lead.ask(type="call.offer", call_id=call_id, sdp=browser_offer()), "denied", 403)
        began = await lead.rest.post(path, {"mode": "listen"})
        self.assertEqual((began.status, [p["role"] for p in began.body["call"]["parties"]]), (201, ["listen"]))
        self.assertEqual((await lead.rest.post(path, {"mode": "listen"})).status, 200)
        await self.told(lead, call_id, "open")
        self.assertEqual((await self.shown(desk, call_id, "listen"))["parties"][0]["staff"]["name"], self.stack.staff["team_lead"]["name"])
        await lead.ask(type="call.offer", call_id=call_id, sdp=browser_offer())
        self.assert_problem(await lead.rest.post(path, {"mode": "shout"}), 422, "out_of_range")
        self.assertEqual((await lead.rest.post(path, {"mode": "whisper"})).status, 200)
        await self.shown(desk, call_id, "whisper")
        self.assertEqual((await chief.rest.post(path, {"mode": "barge"})).status, 201)
        self.assert_problem(await (await self.staff("admin")).post(path, {"mode": "listen"}), 409, "parties_limit")
        admin = await self.staff("admin")
        await admin.put("/settings/supervision.private", {"value": True})
        self.assertEqual([p["role"] for p in (await desk.rest.get(f"/calls/{call_id}")).body["call"]["parties"]], ["barge"])
        self.assertEqual([p["role"] for p in (await chief.rest.get(f"/calls/{call_id}")).body["call"]["parties"]], ["whisper", "barge"])
        for _ in range(2):
            self.assertEqual((await lead.rest.delete(path)).status, 204)
        await self.told(lead, call_id, "closed", "left")
        self.assertEqual((await desk.rest.get(f"/calls/{call_id}")).body["call"]["state"], "active")
        await desk.rest.post(f"/calls/{call_id}/end")
        await self.told(chief, call_id, "closed", "call_ended")
        trail = self.sql("select action, outcome, coalesce(reason, '') from support.support_activity_logs where subject_ref = %s"
                         " and action like 'call.supervise%%' order by id", call_id)
        self.assertEqual([" ".join(row).strip() for row in trail],
                         ["call.supervise_start done", "call.supervise_switch done switched", "call.supervise_start done",
                          "call.supervise_start done", "call.supervise_start denied limit", "call.supervise_end done left",
                          "call.supervise_end done call_ended"])

    async def test_a_lead_of_another_team_is_refused(self):
        _, desk, call_id = await self.talking()
        lead = await self.staff("team_lead")
        self.sql("update support.support_staff set team_id = %s where email = %s", self.teams[1], self.stack.staff["team_lead"]["email"])
        self.assert_problem(await lead.post(f"/calls/{call_id}/supervise", {"mode": "listen"}), 404, "call_not_found")
        agent = await self.staff("agent")
        self.assert_problem(await agent.post(f"/calls/{call_id}/supervise", {"mode": "listen"}), 403, "denied")
        chief = await self.staff("supervisor")
        self.assertEqual((await chief.post(f"/calls/{call_id}/supervise", {"mode": "listen"})).status, 201)
        await asyncio.wait_for(self.shown(desk, call_id, "listen"), 10)
        self.assertEqual((await chief.delete(f"/calls/{call_id}/supervise")).status, 204)
        await self.shown(desk, call_id)


# The tests of the base class are run as its own.
for _name in [n for n in dir(Calls) if n.startswith("test_")]:
    setattr(CallParty, _name, None)
del Calls
