"""Each role x each route: allowed or denied as protocol.md's table says; what is somebody else's is not there."""
from harness import ApiTest, Rest, uid

RANK = {"nobody": 0, "customer": 1, "agent": 2, "agent2": 2, "team_lead": 3, "supervisor": 4, "admin": 5, "super_admin": 6}
CUSTOMER, STAFF, LEAD, ADMIN, ANY, OPEN = "customer", "staff", "lead", "admin", "any", "open"
# (method, path, body, who, what an allowed stranger gets for objects that are not his or not there)
ROUTES = [
    ("POST", "/chat/start", {"client_key": "$uid"}, CUSTOMER, (200, 201)),
    ("POST", "/call/start", {"client_key": "$uid", "chat_id": "$none"}, CUSTOMER, (404,)),
    ("GET", "/chats", None, ANY, (200,)),
    ("GET", "/chats/$none", None, ANY, (404,)),
    ("GET", "/chats/$none/messages", None, ANY, (404,)),
    ("POST", "/chats/$none/messages", {"client_id": "$uid", "body": "x"}, ANY, (404,)),
    ("GET", "/chats/$none/notes", None, STAFF, (404,)),
    ("POST", "/chats/$none/notes", {"client_id": "$uid", "body": "x"}, STAFF, (404,)),
    ("POST", "/chats/$none/receipts", {"read_seq": 1}, ANY, (404,)),
    ("PUT", "/chats/$none/tags/x", None, STAFF, (404,)),
    ("DELETE", "/chats/$none/tags/x", None, STAFF, (404,)),
    ("POST", "/chats/$none/close", {}, ANY, (404,)),
    ("POST", "/chats/$none/requeue", {}, STAFF, (404,)),
    ("GET", "/chats/$none/routing", None, STAFF, (404,)),
    ("GET", "/customers/$none", None, STAFF, (404,)),
    ("GET", "/customers/$none/chats", None, STAFF, (200,)),
    ("GET", "/queue", None, STAFF, (200,)),
    ("POST", "/queue/$none/pick", {}, STAFF, (404,)),
    ("GET", "/offers", None, STAFF, (200,)),
    ("POST", "/offers/$none/accept", {}, STAFF, (404,)),
    ("POST", "/offers/$none/decline", {}, STAFF, (404,)),
    ("GET", "/me", None, ANY, (200,)),
    ("PUT", "/me/presence", {"chosen": "away"}, STAFF, (200,)),
    ("PUT", "/me/password", {"old_password": "not the right one", "new_password": "long enough 1"}, STAFF, (401,)),
    ("GET", "/calls", None, ANY, (200,)),
    ("GET", "/calls/$none", None, ANY, (404,)),
    ("GET", "/calls/$none/quality", None, ANY, (404,)),
    ("POST", "/calls/$none/end", {}, ANY, (404,)),
    ("GET", "/calls/missed", None, STAFF, (200,)),
    ("GET", "/calls/live", None, LEAD, (200,)),
    ("GET", "/transfer-targets", None, STAFF, (200,)),
    ("POST", "/calls/$none/hold", {}, STAFF, (404,)),
    ("POST", "/calls/$none/resume", {}, STAFF, (404,)),
    ("POST", "/calls/$none/transfer", {"kind": "skill", "to": "x"}, STAFF, (404,)),
    ("POST", "/calls/$none/ring", {}, STAFF, (404,)),
    ("POST", "/calls/$none/callback", {}, CUSTOMER, (404,)),
    ("POST", "/calls/$none/answer", {}, CUSTOMER, (404,)),
    ("POST", "/calls/$none/decline", {}, CUSTOMER, (404,)),
    ("POST", "/calls/$none/rating", {"score": 5}, CUSTOMER, (404,)),
    ("PUT", "/me/auto-answer", {"on": False}, STAFF, (200,)),
    ("POST", "/me/wrap-up", {"extend_ms": 1000}, STAFF, (409,)),
    ("DELETE", "/me/wrap-up", None, STAFF, (200,)),
    ("PUT", "/calls/$none/recording", {"state": "on"}, STAFF, (404,)),
    ("GET", "/recordings", None, STAFF, (200,)),
    ("GET", "/recordings/$none", None, STAFF, (404,)),
    ("GET", "/recordings/$none/tracks/0", None, STAFF, (404,)),
    ("GET", "/recordings/$none/tracks/1/waveform", None, STAFF, (404,)),
    ("POST", "/calls/$none/consult", {"staff_id": "$uid"}, STAFF, (404,)),
    ("DELETE", "/calls/$none/consult", None, STAFF, (404,)),
    ("POST", "/calls/$none/consult/accept", {}, STAFF, (404,)),
    ("POST", "/calls/$none/consult/talk", {"with": "all"}, STAFF, (404,)),
    ("POST", "/calls/$none/consult/complete", {}, STAFF, (404,)),
    ("POST", "/calls/$none/supervise", {"mode": "listen"}, LEAD, (404,)),
    ("DELETE", "/calls/$none/supervise", None, LEAD, (404,)),
    ("GET", "/call-parties", None, STAFF, (200,)),
    ("GET", "/session", None, STAFF, (200,)),
    ("POST", "/ws-ticket", {}, ANY, (201,)),
    ("GET", "/widget-config", None, OPEN, (200,)),
    ("GET", "/staff", None, ADMIN, (200,)),
    ("POST", "/staff", {"email": "$email", "name": "New", "role": "agent", "password": "long enough 1"}, ADMIN, (201,)),
    ("PUT", "/staff/$none/role", {"role": "agent"}, ADMIN, (404,)),
    ("DELETE", "/staff/$none", None, ADMIN, (404,)),
    ("GET", "/activity", None, ADMIN, (200,)),
    ("GET", "/settings", None, ADMIN, (200,)),
    ("PUT", "/settings/queue.offer_s", {"value": 20}, ADMIN, (200,)),
]


def filled(value):
    if isinstance(value, dict):
        return {k: filled(v) for k, v in value.items()}
    if isinstance(value, str):
        return value.replace("$none", uid()).replace("$uid", uid()).replace("$email", f"{uid()}@bank.example")
    return value


def allowed(who, role):
    if who == OPEN:
        return True
    return {CUSTOMER: role == "customer", STAFF: RANK[role] >= 2, LEAD: RANK[role] >= 3, ADMIN: RANK[role] >= 5, ANY: RANK[role] >= 1}[who]


class Permissions(ApiTest):
    async def caller(self, role):
        if role == "nobody":
            return Rest(self.bases, None)
        return self.customer() if role == "customer" else await self.staff(role)

    async def test_each_role_at_each_route(self):
        for role in RANK:
            rest = await self.caller(role)
            for method, path, body, who, good in ROUTES:
                with self.subTest(f"{role}: {method} {path}"):
                    answer = await rest.request(method, "/api/support" + filled(path), filled(body))
                    if role == "nobody" and who != OPEN:
                        self.assertEqual(answer.status, 401, answer)
                    elif allowed(who, role):
                        self.assertIn(answer.status, good, answer)
                        if path == "/chat/start":
                            self.open_chats.append((rest, answer.body["chat"]["id"]))
                    elif path == "/session":
                        self.assertIn(answer.status, (401, 403), answer)
                    else:
                        self.assertEqual(answer.status, 403, answer)
                        self.assertEqual(answer.code, "denied")

    async def test_every_documented_route_is_walked(self):
        from client import API
        named = {(m, API.find(m, "/api/support" + filled(p))[0]) for m, p, _, _, _ in ROUTES}
        left = {(m, t) for m, t, _, _ in API.routes} - named
        self.assertEqual(left, {("POST", "/api/support/session"), ("DELETE", "/api/support/session"),
                                ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")})

    async def test_somebody_elses_chat_is_not_there(self):
        customer, agent, chat_id = await self.pair()
        await agent.note(chat_id, "a note")
        stranger = self.customer()
        unknown = uid()
        for method, path, body, who, _ in ROUTES:
            if "/chats/$none" in path and who == ANY:
                with self.subTest(f"{method} {path}"):
                    real = await stranger.request(method, "/api/support" + path.replace("$none", chat_id), filled(body))
                    none = await stranger.request(method, "/api/support" + path.replace("$none", unknown), filled(body))
                    self.assertEqual((real.status, real.body), (404, none.body))
        call = await stranger.post("/call/start", {"client_key": uid(), "chat_id": chat_id})
        self.assert_problem(call, 404, "chat_not_found")
        client = await self.connect(stranger, "stranger")
        for frame in ({"type": "chat.open", "seq": 0, "rev": 0}, {"type": "message.send", "client_id": uid(), "body": "x"}):
            await self.assert_refused(client.ask(chat_id=chat_id, **frame), "chat_not_found", 404)
        self.assertEqual((await stranger.get("/chats")).body["items"], [])
        before = customer.chat(chat_id).seq
        await client.post(type="chat.typing", chat_id=chat_id, active=True)
        await client.post(type="chat.receipt", chat_id=chat_id, read_seq=1)
        await self.settle(chat_id, customer, agent)
        self.assertEqual((customer.chat(chat_id).seq, customer.chat(chat_id).typing, agent.chat(chat_id).typing), (before, [], []))

    async def test_an_agent_who_is_not_assigned(self):
        customer, _, chat_id = await self.pair()
        other = await self.staff("agent2")
        answer = await other.post(f"/chats/{chat_id}/messages", {"client_id": uid(), "body": "me too"})
        self.assertIn((answer.status, answer.code), [(404, "chat_not_found"), (409, "not_assigned")])
        answer = await other.post(f"/chats/{chat_id}/close")
        self.assertIn((answer.status, answer.code), [(404, "chat_not_found"), (409, "not_assigned"), (403, "denied")])
        self.assertEqual(customer.chat(chat_id).bodies(), ["hello"])

    async def test_who_may_make_admins(self):
        admin, owner = await self.staff("admin"), await self.staff("super_admin")
        new = {"email": f"{uid()}@bank.example", "name": "Climber", "role": "admin", "password": "long enough 1"}
        self.assert_problem(await admin.post("/staff", new), 403, "denied")
        self.assert_problem(await admin.post("/staff", dict(new, role="super_admin")), 403, "denied")
        made = await owner.post("/staff", dict(new, role="supervisor"))
        self.assertEqual((made.status, made.body["staff"]["role"]), (201, "supervisor"))
        staff_id = made.body["staff"]["id"]
        self.assert_problem(await admin.put(f"/staff/{staff_id}/role", {"role": "admin"}), 403, "denied")
        self.assertEqual((await admin.put(f"/staff/{staff_id}/role", {"role": "agent"})).body["staff"]["role"], "agent")
        self.assertEqual((await owner.put(f"/staff/{staff_id}/role", {"role": "admin"})).body["staff"]["role"], "admin")
        self.assert_problem(await admin.delete(f"/staff/{staff_id}"), 403, "denied")
        self.assertEqual((await owner.delete(f"/staff/{staff_id}")).status, 204)
        self.assertEqual((await owner.delete(f"/staff/{owner.me['id']}")).status, 403)
        self.assertEqual((await owner.put(f"/staff/{owner.me['id']}/role", {"role": "agent"})).status, 403)
        self.assert_problem(await owner.post("/staff", dict(new, email=self.stack.staff["agent"]["email"])), 409, "taken")

    async def test_a_changed_role_counts_at_once(self):
        account = self.stack.add_staff(f"riser{uid()[:8]}", "agent", "Riser")
        rest = Rest(self.bases, None, "https://www.bank.example")
        me = await rest.login(account["email"], account["password"])
        self.assert_problem(await rest.get("/settings"), 403, "denied")
        owner = await self.staff("super_admin")
        await owner.put(f"/staff/{me['id']}/role", {"role": "admin"})
        for base in (0, 1):
            self.assertEqual((await rest.get("/settings", base=base)).status, 200)
        await owner.put(f"/staff/{me['id']}/role", {"role": "agent"})
        for base in (0, 1):
            self.assert_problem(await rest.get("/settings", base=base), 403, "denied")
